import { describe, expect, it } from "vitest";
import { againstBase } from "./against-base.ts";
import { changesOf, countsOf } from "./changes.ts";
import { parseEvents, type EngineEvent } from "./engine-events.ts";
import { SECRET, SIGNATURE } from "./property-paths.ts";

const SEALED = { [SIGNATURE]: SECRET, ciphertext: "[secret]" };
const urnOf = (type: string, name: string) => `urn:pulumi:unit::slipway::slipway:docker:Platform$${type}::${name}`;

interface Told {
  readonly type?: string;
  readonly name?: string;
  readonly before?: object;
  readonly after?: object;
  readonly detailedDiff?: object;
  readonly keys?: readonly string[];
  readonly diffs?: readonly string[];
  readonly custom?: boolean;
}

/** A line of the engine's log of events. */
function told(op: string, { type = "docker:index/container:Container", name = "api", ...more }: Told = {}): string {
  const { before, after, custom = true, ...rest } = more;
  const state = (inputs: object | undefined) => (inputs === undefined ? null : { custom, inputs, outputs: inputs });
  const metadata = {
    ...{
      op,
      urn: urnOf(type, name),
      type,
      old: state(before),
      new: state(after ?? (before === undefined ? {} : before)),
    },
    ...{ detailedDiff: null, ...rest },
  };
  return JSON.stringify({ sequence: 1, resourcePreEvent: { metadata, planning: true } });
}

const events = (...lines: readonly string[]): readonly EngineEvent[] => parseEvents(`${lines.join("\n")}\n`);
const changed = (...lines: readonly string[]) => changesOf(events(...lines)).changes;

describe("what a preview changes", () => {
  it("is told once a resource, with what loses data first", () => {
    const volume = { type: "docker:index/volume:Volume", name: "postgres" };
    const changes = changed(
      told("create", { name: "new" }),
      told("same", { before: {} }),
      told("update", { name: "edge", before: { a: 1 }, after: { a: 2 }, diffs: ["a"] }),
      ...["create-replacement", "replace", "delete-replaced"].map((op) => told(op, { ...volume, before: {} })),
      told("delete", { name: "old", before: {} }),
    );
    expect(changes.map(({ op, name, losesData }) => [op, name, losesData])).toEqual([
      ["replace", "postgres", true],
      ["delete", "old", false],
      ["update", "edge", false],
      ["create", "new", false],
    ]);
    expect(countsOf({ changes })).toEqual({ create: 1, update: 1, replace: 1, delete: 1 });
  });

  it("leaves out components, and counts what stays", () => {
    const { changes, unchanged } = changesOf(
      events(told("create", { custom: false }), told("same", { before: {} }), told("same", { name: "b", before: {} })),
    );
    expect([changes, unchanged]).toEqual([[], 2]);
  });

  it("names properties as deep as the provider does, or deeper, and says for which it is replaced", () => {
    const [change] = changed(
      told("create-replacement", {
        ...{ before: { env: { A: "1", B: "2" }, name: "x" }, after: { env: { A: "1", B: "3" }, name: "y" } },
        ...{ diffs: ["env", "name"], keys: ["name"] },
      }),
    );
    expect(change?.properties).toEqual([
      { path: "env.B", replaces: false, before: '"2"', after: '"3"' },
      { path: "name", replaces: true, before: '"x"', after: '"y"' },
    ]);
    const [other] = changed(
      told("update", {
        ...{ before: { list: [{ a: 1 }] }, after: { list: [{ a: 2 }] } },
        detailedDiff: { "list[0].a": { diffKind: "update-replace", inputDiff: true } },
      }),
    );
    expect(other?.properties).toEqual([{ path: "list[0].a", replaces: true, before: "1", after: "2" }]);
  });

  it("tells of a secret by its name alone, and of a long text that it changes", () => {
    const [change] = changed(
      told("update", {
        ...{ before: { password: SEALED, text: "a" }, after: { password: SEALED, text: "b".repeat(500) } },
        diffs: ["password", "text"],
      }),
    );
    expect(change?.properties).toEqual([
      { path: "password", replaces: false, before: "[secret]", after: "[secret]" },
      { path: "text", replaces: false, before: '"a"' },
    ]);
  });

  it("takes policies' answers along", () => {
    const policyEvent = { policyName: "no-public-data", enforcementLevel: "mandatory", message: "m", color: "never" };
    expect(changesOf(events(JSON.stringify({ policyEvent }))).policies).toMatchObject([
      { policyName: "no-public-data", enforcementLevel: "mandatory", message: "m" },
    ]);
  });

  it("refuses a line that is no event", () => {
    expect(() => parseEvents('{"resourcePreEvent": {"metadata": {"op": 1}}}')).toThrow();
  });
});

describe("beside the base", () => {
  const image = (of: string) => ({
    before: { image: "0", secret: "old" },
    after: { image: of, secret: "placeholder" },
  });
  const update = (of: string) => told("update", { ...image(of), diffs: ["image", "secret"] });

  it("what the base changes just so is left out, and of others the properties that differ stay", () => {
    const base = events(told("update", { name: "edge", ...image("1"), diffs: ["secret"] }), update("0"));
    const head = events(told("update", { name: "edge", ...image("1"), diffs: ["secret"] }), update("2"));
    const { changes, alike } = againstBase(head, base, false);
    expect(alike).toBe(1);
    expect(changes).toMatchObject([{ name: "api", op: "update", properties: [{ path: "image", after: '"2"' }] }]);
  });

  it("an operation that the base does not make stays whole", () => {
    const base = events(update("1"));
    const head = events(told("delete", { before: {} }));
    expect(againstBase(head, base, false).changes).toMatchObject([{ op: "delete", name: "api" }]);
  });

  it("where both make everything anew, what they ask for is compared", () => {
    const volume = { type: "docker:index/volume:Volume", name: "postgres" };
    const base = events(told("create", { after: { cpus: 1 } }), told("create", volume));
    const head = events(told("create", { after: { cpus: 2 } }), told("create", { name: "more" }));
    expect(againstBase(head, base, true).changes).toMatchObject([
      { op: "delete", name: "postgres", losesData: true },
      { op: "update", name: "api", properties: [{ path: "cpus", before: "1", after: "2" }] },
      { op: "create", name: "more" },
    ]);
  });
});
