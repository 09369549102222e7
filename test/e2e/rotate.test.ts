import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { filesBelow } from "../../infra/images/contexts.ts";
import { findLeaks } from "./canary.ts";
import { finished, postJob, startLoad, type LoadReport } from "./client.ts";
import { makeOpsStack, type OpsStack } from "./ops-stack.ts";
import { docker } from "./stack.ts";

/** Each rotation is three deploys: without `make rotate-long` the command rotates the database alone, the others go by hand (rotation.test.ts), and of the moments of a kill one is drawn. */
const IS_LONG = process.env["ROTATE_LONG"] === "1";
const SERVERS = IS_LONG ? ["redis", "database"] : [];
const RINGS = IS_LONG ? ["jwt"] : [];
const BACK = IS_LONG ? ["redis"] : [];

const MOVING = "in the deploy that moves services";
/** What has been printed, so many times, when it is killed; once more where the slot that is off has to be forgotten before. */
const KILLS: readonly (readonly [when: string, line: string, times: number])[] = [
  ["as the file was written", "✓ Stack file", 1],
  [MOVING, "✓ Stack file", 2],
  ["after the deploy that moves services", "✓ Deploy", 2],
  ["as the last line was written", "✓ Stack file", 3],
];
const seed = Number(process.env["ROTATE_SEED"] ?? Date.now() % KILLS.length);
const kills = IS_LONG ? KILLS : KILLS.slice(seed, seed + 1);

/** `slipway rotate` as somebody types it, under load; killed, and run again. */
let stack: OpsStack;
let before: string;
let load: { stop(): Promise<LoadReport> };
beforeAll(async () => {
  stack = await makeOpsStack();
  await stack.up();
  before = await dataContainers();
});
afterAll(() => stack.remove());

async function target() {
  return { url: stack.url, token: await stack.token() };
}

async function dataContainers(): Promise<string> {
  const names = [...(await stack.containers("postgres")), ...(await stack.containers("redis"))];
  const { output } = await docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.RestartCount}}", ...names);
  return output.trim();
}

interface Document {
  readonly exitCode: number;
  readonly result: { readonly slots: unknown; readonly seen: readonly string[] };
}

async function rotate(...words: string[]): Promise<Document["result"]> {
  const { code, stdout, output } = await stack.slipway("rotate", ...words, "--yes", "--json").ended;
  expect(code, output).toBe(0);
  return (JSON.parse(stdout) as Document).result;
}

/** What the stack's file says of it. */
function slots(what: string): unknown {
  const { config } = parse(stack.file()) as { config: { "slipway:credentials"?: Record<string, unknown> } };
  return config["slipway:credentials"]?.[what];
}

async function begin(): Promise<void> {
  load = startLoad(await target(), 4);
}

/**
 * Every request was answered as it should, and every job that was accepted was done.
 *
 * @param isUncut whether no worker was taken away in the middle of a job: then each is done at the first attempt
 */
async function nothingWasLost(isUncut = true): Promise<void> {
  const { failures, accepted, requests } = await load.stop();
  expect(failures).toEqual([]);
  const to = await target();
  for (const id of accepted)
    expect(await finished(to, id), id).toMatchObject(
      isUncut ? { state: "succeeded", attempt: 1 } : { state: "succeeded" },
    );
  console.log(`${requests} requests, ${accepted.length} jobs`);
}

describe("slipway rotate", () => {
  it("without --yes says what it would do, and changes nothing", async () => {
    const file = stack.file();
    const { code, stdout } = await stack.slipway("rotate", "database").ended;
    expect(code).toBe(0);
    expect(stdout).toContain("second is accepted beside first");
    expect(stdout).toContain(`./slipway rotate database --yes --stack ${stack.name}`);
    expect(stack.file()).toBe(file);
  });

  it.each(SERVERS)("rotates %s under load, and no request fails and no job is lost", async (what) => {
    await begin();
    const { slots: end, seen } = await rotate(what);
    expect(end).toEqual({ slot: "second", other: "off" });
    expect(seen.slice(-3)).toEqual(["first is used by nobody", "second is accepted", "first is refused"]);
    await nothingWasLost();
    expect(await dataContainers()).toBe(before);
  });

  it.each(RINGS)("rotates %s under load, and turns the old slot off when it is told to", async (what) => {
    await begin();
    // Clients have tokens of the slot that was left: it is not turned off under them.
    expect((await rotate(what)).slots).toEqual({ slot: "second", other: "last" });
    await nothingWasLost();
    expect((await rotate(what, "--off")).seen.slice(-1)).toEqual(["first is refused"]);
  });

  it.each(BACK)("goes back with %s under load", async (what) => {
    await begin();
    const { slots: end, seen } = await rotate(what, "--back");
    expect(end).toEqual({ slot: "first", other: "off" });
    expect(seen.slice(-3)).toEqual(["second is used by nobody", "first is accepted", "second is refused"]);
    await nothingWasLost();
  });

  it.each(kills)("rotates database, and killed %s it is brought to its end by the next", async (when, line, times) => {
    const { slot: serving, other } = (slots("database") ?? { slot: "first" }) as { slot: string; other?: string };
    await begin();
    const killed = stack.slipway("rotate", "database", "--yes");
    await killed.printed(line, times > 1 && other === "off" ? times + 1 : times);
    if (when === MOVING) await new Promise((resolve) => setTimeout(resolve, 12_000));
    killed.kill();
    expect((await killed.ended).code).toBe(137);
    const { slots: end } = await rotate("database");
    expect(end).toEqual({ slot: serving === "first" ? "second" : "first", other: "off" });
    expect(slots("database")).toEqual(end);
    // Workers that a killed deploy had just made are nobody's, and the next deploy removes them.
    await nothingWasLost(when !== MOVING);
    expect(await dataContainers()).toBe(before);
  });

  it("forgets the slot that is off, and there is no way back then", async () => {
    const { slots: end } = await rotate("database", "--forget");
    expect(end).toMatchObject({ other: "none" });
    const { code, output } = await stack.slipway("rotate", "database", "--back", "--yes").ended;
    expect(code).toBe(2);
    expect(output).toContain("There is no slot of database to go back to");
  });

  it("left no secret in clear in the state, in what the engine shows and in logs", async () => {
    expect(findLeaks(await secrets(), await places())).toEqual([]);
    const id = await postJob(await target(), "sum", { numbers: [1, 2] });
    expect((await finished(await target(), id)).state).toBe("succeeded");
  });
});

/** As the containers have them now. */
async function secrets(): Promise<Record<string, string>> {
  const entries = await Promise.all(
    ["postgres", "redis"].map(async (service) => {
      const [name = ""] = await stack.containers(service);
      const script = 'cd $SECRETS_DIR && for f in *password*; do echo "$f $(cat "$f")"; done';
      return (await docker("exec", name, "bash", "-c", script)).output.trim().split("\n");
    }),
  );
  const found = Object.fromEntries(entries.flat().map((line) => line.split(" ") as [string, string]));
  expect(Object.keys(found).length).toBeGreaterThanOrEqual(3);
  return found;
}

async function places() {
  const names = await stack.containers();
  const said = async (name: string, ...args: string[]) => ({ name, content: (await docker(...args)).output });
  return [
    ...filesBelow(stack.stateFolder).map((file) => ({ name: file, content: readFileSync(file, "latin1") })),
    { name: "the stack's file", content: stack.file() },
    await said("docker inspect", "inspect", ...names),
    ...(await Promise.all(names.map((name) => said(`log of ${name}`, "logs", name)))),
    ...(await Promise.all(names.map((name) => said(`processes of ${name}`, "top", name, "-eo", "args")))),
  ];
}
