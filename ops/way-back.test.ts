import { expect, test } from "vitest";
import type { DeploymentRecord } from "../toolchain/deployment/deployments-log.ts";
import type { Copy } from "../toolchain/deployment/truth.ts";
import { chooseWayBack, type WayBackArgs } from "./way-back.ts";

const images = (name: string) => ({ api: `sha256:${name}`, worker: `sha256:w${name}` });
const record = (number: number, name: string, more: Partial<DeploymentRecord> = {}): DeploymentRecord => ({
  ...{ number, version: name, id: "", command: "slipway deploy", by: "me@here", startedAt: "2026-11-29T02:00:00Z" },
  ...{ outcome: "succeeded", images: images(name), schemaNeeds: 4, ...more },
});
const copies = (name: string): Copy[] => [
  { service: "api", name: "a", image: images(name).api, state: "failing" },
  { service: "worker-cpu", name: "w", image: images(name).worker, state: "ready" },
];
const ready = (name: string) => copies(name).map((copy) => ({ ...copy, state: "ready" as const }));
const migrations = (...phases: string[]) =>
  phases.map((phase, index) => ({ version: index + 4, file: `000${index + 4}-x.sql`, phase }));

const unknown = Object.assign(record(2, "old"), { schemaNeeds: undefined });

const args: WayBackArgs = {
  ...{ stack: "mine", which: "checkout", isWanted: true, hasTakenOver: true, before: images("old") },
  records: [record(1, "older"), record(2, "old"), record(3, "new", { outcome: "failed" })],
  running: { copies: copies("new") },
  migrations: migrations("expand", "expand"),
};
const way = (more: Partial<WayBackArgs> = {}) => chooseWayBack({ ...args, ...more });

test("the way back leads to what served before, by its images", () => {
  expect(way()).toEqual({ kind: "to", version: "old", images: images("old") });
  expect(way({ before: images("older") })).toMatchObject({ version: "older" });
  expect(way({ before: { ...images("old"), worker: "none" } })).toMatchObject({ images: images("old") });
});

test("what came up of a release that never served is gone back from, such as its workers", () => {
  expect(way({ hasTakenOver: false, running: { copies: [...copies("old"), ...copies("new")] } }).kind).toBe("to");
});

test("what is about to run of the new one counts, where an autoscaler has taken all to none", () => {
  const running = { copies: copies("old"), templates: { "worker-cpu": "sha256:wnew" } };
  expect(way({ hasTakenOver: false, running }).kind).toBe("to");
});

test("the edge says whose requests they are", () => {
  const old = ready("old").map((copy) => ({ ...copy, release: "api-1" }));
  const both = { copies: [...old, ...ready("new").map((copy) => ({ ...copy, release: "api-2" }))] };
  const at = (entry: string) => way({ hasTakenOver: false, running: { ...both, entry } }).kind;
  expect([at("api-1"), at("api-2")]).toEqual(["to", "none"]);
});

test("workers of a deploy that was killed do not hide which release served", () => {
  expect(way({ before: { api: images("old").api, worker: "sha256:wkilled" } })).toMatchObject({ version: "old" });
});

test("a release before that still runs beside the bad one is gone back to as well", () => {
  expect(way({ running: { copies: [...copies("old"), ...copies("new")] } }).kind).toBe("to");
});

test("an earlier release brings no migration of the checkout with it", () => {
  expect(way({ which: "before", migrations: migrations("expand", "incompatible") }).kind).toBe("to");
});

test.each<[string, Partial<WayBackArgs>, string]>([
  ["nothing served", { before: undefined }, "nothing served before it"],
  [
    "it is not wanted",
    { isWanted: false },
    "--no-rollback was given. By hand: ./slipway rollback 2 --yes --stack mine",
  ],
  ["settings alone were deployed", { which: "same" }, "undo the settings"],
  ["the log does not know what served", { before: images("byhand") }, "no deployment on record"],
  ["only settings differ", { running: { copies: copies("old") } }, "from the same images"],
  [
    "nothing of the new release came up, or what did is gone again",
    { running: { copies: copies("old") }, hasTakenOver: false },
    "nothing of another release runs, and old serves on; where settings are at fault, undo them",
  ],
  [
    "nothing came up, and an incompatible migration may have run",
    {
      ...{ running: { copies: copies("old") }, hasTakenOver: false },
      migrations: migrations("expand", "incompatible"),
    },
    "old serves on, unless 0005-x.sql has run",
  ],
  [
    "all of the new one came up, and something else failed",
    { running: { copies: ready("new") }, hasTakenOver: false },
    "all of its API came up and serves",
  ],
  [
    "an incompatible migration ran",
    { migrations: migrations("expand", "incompatible") },
    "old cannot work behind 0005-x.sql, which is incompatible",
  ],
  [
    "nobody knows what it needs, and one that is incompatible ever was",
    { records: [unknown], migrations: migrations("incompatible", "expand") },
    "old cannot work behind 0004-x.sql",
  ],
])("there is none where %s", (_, more, why) => {
  expect(way(more)).toEqual({ kind: "none", why: expect.stringContaining(why) as string });
});
