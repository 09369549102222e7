import { afterEach, beforeEach, expect, test } from "vitest";
import type { BroughtBack, ListResult, RestorePlan, RestoreResult } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { Steps } from "../toolchain/steps.ts";
import { AgentSteps } from "./agent-steps.ts";
import type { FoundAttempt } from "./attempts.ts";
import { afterChange, type Generations } from "./generations.ts";
import { parseMoment } from "./moment.ts";
import { RestoreRun, type RestoreRunArgs } from "./restore-run.ts";
import { broughtBackText } from "./restore-text.ts";
import { volumesOf } from "./volumes.ts";

/** Runs on an engine, an agent and a stack's file that are played by the test; test/e2e/backup.test.ts restores with a real agent. */
class Killed extends Error {}

const result: RestoreResult = {
  ...{ label: "20261129-023000F", target: "2026-11-29T02:40:00.000Z", reached: "2026-11-29T02:39:59.000Z" },
  ...{ migrationLevel: 12, rows: { jobs: 3 }, recoverySeconds: 4, totalSeconds: 9, missingArtifacts: 0 },
};
const broughtBack: BroughtBack = { artifacts: 2, bytes: 7, missing: 1 };
const plan: RestorePlan = {
  ...{ label: result.label, target: result.target, lostSeconds: 600, jobsLost: 14, jobsAgain: 1, databaseBytes: 1 },
};
const backup: ListResult["backups"][number] = {
  ...{ label: result.label, type: "full", startedAt: "2026-11-29T02:30:00.000Z", endedAt: "2026-11-29T02:30:41.000Z" },
  ...{ databaseBytes: 1, addedBytes: 1, artifacts: { count: 0, bytes: 0, addedBytes: 0 }, redisBytes: 1 },
  ...{ migrationLevel: 12, jobs: 3, keyId: "k", repositories: ["local"], faults: [] },
};
const list: ListResult = { backups: [backup], key: { id: "k", isEscrowed: true }, archive: {} };

let did: string[];
let said: string[];
let attempt: FoundAttempt | undefined;
let generations: Generations;
/** What the container says and ends with. */
let ending: { readonly code: number; readonly event: object };
let bringing: typeof ending;
/** Whether what it said is gone. */
let isMute: boolean;
let planFails: boolean;
let deployFails: boolean;
/** Where this process is killed: before the nth thing that it does. */
let killAt: number;

beforeEach(() => {
  did = [];
  said = [];
  attempt = undefined;
  generations = { current: "first", kept: [] };
  ending = { code: 0, event: { event: "result", result } };
  bringing = { code: 0, event: { event: "result", result: broughtBack } };
  isMute = false;
  planFails = false;
  deployFails = false;
  killAt = Infinity;
});
afterEach(() => {
  expect([generations.current, ...generations.kept]).toContain("first");
});

function act(what: string): void {
  if (did.length >= killAt) throw new Killed();
  did.push(what);
}

const attempts: RestoreRunArgs["attempts"] = {
  find: async () => attempt,
  begin: async ({ generation, typed, target }) => {
    act(`begin ${generation}`);
    attempt = { id: "c", generation, typed, target, since: "now", state: "made", hasVolume: true };
  },
  start: async (found) => {
    act("start");
    attempt = { ...found, state: "running" };
  },
  follow: async (found, { onLine }) => {
    act("follow");
    if (isMute) return found.exitCode ?? 0;
    onLine(JSON.stringify({ event: "progress", step: "recovery" }));
    onLine(JSON.stringify(ending.event));
    attempt = { ...found, state: "ended", exitCode: ending.code };
    return ending.code;
  },
  bringBack: async (_, { onLine }) => {
    act("bring back");
    onLine(JSON.stringify({ event: "progress", step: "artifacts", doneBytes: 0, totalBytes: 7 }));
    onLine(JSON.stringify(bringing.event));
    return bringing.code;
  },
  discard: async () => {
    act("discard");
    attempt = undefined;
  },
  tidy: async () => {
    act("tidy");
    attempt = undefined;
  },
  disks: (generation) => volumesOf("dev", generation),
};

const agent: Awaited<ReturnType<RestoreRunArgs["findAgent"]>> = {
  ask: async ({ words, schema }) => {
    const isPlan = words[0] === "plan";
    if (isPlan && planFails) throw new UserError("Postgres does not answer");
    return { code: 0, result: schema.parse(isPlan ? plan : list) };
  },
};

function restoring(to = "2026-11-29T02:40:00Z"): RestoreRun {
  const screen = { write: () => undefined, isTerminal: false, columns: 80 };
  return new RestoreRun({
    ...{ stack: "dev", moment: parseMoment(to, Date.parse("2026-11-29T02:50:00Z")), attempts },
    findAgent: async () => agent,
    switching: {
      generations: () => generations,
      change: async (change) => {
        act("switch");
        generations = afterChange(generations, change);
      },
      forget: async () => undefined,
      deploy: async () => {
        act("deploy");
        if (deployFails) throw new UserError("Postgres is unhealthy");
        return [];
      },
      isProtected: async () => false,
      deployed: async () => generations.current,
    },
    shown: new AgentSteps(new Steps({ screen }), 0),
    say: (line) => said.push(line),
  });
}

const ALL = ["begin 20261129t024000", "start", "follow", "bring back", "switch", "deploy", "tidy"];

test("goes through every step, says what it costs before, and names both volumes after", async () => {
  const restored = await restoring().run();
  expect(did).toEqual(ALL);
  expect(said).toEqual([
    expect.stringContaining("Goes back 10 min 00 s: 14 jobs accepted since will be gone, 1 job that"),
  ]);
  expect(restored).toEqual({
    ...{ generation: "20261129t024000", before: "first", plan, result, broughtBack, routes: [] },
    ...{ volume: "slipway-dev-postgres-20261129t024000", volumeBefore: "slipway-dev-postgres" },
  });
});

test.each(ALL.map((step, at) => [step, at] as const))(
  "killed before %s, the next run goes on to the same end",
  async (_, at) => {
    killAt = at;
    await expect(restoring().run()).rejects.toThrow(Killed);
    killAt = Infinity;
    const restored = await restoring().run();
    expect(restored).toMatchObject({ generation: "20261129t024000", before: "first", result });
    expect(did.filter((step) => step.startsWith("begin"))).toHaveLength(1);
    expect(did.slice(-1)).toEqual(["tidy"]);
    expect(attempt).toBeUndefined();
    expect(generations).toEqual({ current: "20261129t024000", kept: ["first"] });
  },
);

test.each([
  ["a failure", { code: 1, event: { event: "failure", message: "the WAL has a hole" } }, "the WAL has a hole", 1],
  ["a check that is not good", { code: 3, event: { event: "result", result } }, "What was restored is not good", 3],
  ["no answer", { code: 137, event: { event: "progress", step: "x" } }, "ended with 137 and without an answer", 1],
])("after %s nothing is changed, nothing is left, and the message says so", async (_, how, why, exitCode) => {
  ending = how;
  const failure = await restoring()
    .run()
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(UserError);
  expect(failure).toMatchObject({ exitCode, message: expect.stringContaining(why) as string });
  expect(String(failure)).toContain("the generation first serves on");
  expect(did).toEqual(["begin 20261129t024000", "start", "follow", "discard"]);
  expect(generations).toEqual({ current: "first", kept: [] });
});

test("artifacts that cannot be brought back keep it from switching, and the next run goes on from there", async () => {
  bringing = { code: 1, event: { event: "failure", message: "no space left" } };
  const refused = restoring().run();
  await expect(refused).rejects.toMatchObject({ exitCode: 1 });
  await expect(refused).rejects.toThrow(/no space left\nNothing was switched: the generation first serves on/);
  expect(generations).toEqual({ current: "first", kept: [] });
  bringing = { code: 0, event: { event: "result", result: broughtBack } };
  expect(await restoring().run()).toMatchObject({ generation: "20261129t024000", broughtBack });
  expect(did).toEqual([...ALL.slice(0, 4), "bring back", "switch", "follow", "deploy", "tidy"]);
});

test("says what came back, and what no backup has", () => {
  expect(broughtBackText(broughtBack)).toBe("brought back 2 artifacts, 7 B; 1 is in no backup");
  expect(broughtBackText({ artifacts: 1, bytes: 2048, missing: 0 })).toBe("brought back 1 artifact, 2.0 KiB");
  expect(broughtBackText({ artifacts: 0, bytes: 0, missing: 0 })).toBe("all there");
});

test("a database that does not answer is brought back all the same", async () => {
  planFails = true;
  const restored = await restoring().run();
  expect(said).toEqual([expect.stringContaining("could not be counted: Postgres does not answer")]);
  expect(restored.plan).toBeUndefined();
  expect(did).toEqual(ALL);
  await expect(restoring().plan()).rejects.toThrow("Postgres does not answer");
});

test("a deploy that fails says how to go on and how to go back, and the next run goes on", async () => {
  deployFails = true;
  const run = restoring().run();
  await expect(run).rejects.toThrow("Postgres is unhealthy");
  await expect(run).rejects.toThrow("./slipway restore --back --to first --yes");
  deployFails = false;
  expect(await restoring().run()).toMatchObject({ generation: "20261129t024000" });
  expect(said.at(-1)).toContain("had not come to its end");
});

test("one that ended well and whose words are gone is brought to its end all the same; one that did not is not", async () => {
  const left = { id: "c", generation: "20261129t024000", typed: "2026-11-29T02:40:00Z", target: "t", since: "s" };
  attempt = { ...left, state: "ended", exitCode: 0, hasVolume: true };
  generations = { current: left.generation, kept: ["first"] };
  isMute = true;
  const restored = await restoring().run();
  expect(restored).toMatchObject({ generation: left.generation });
  expect(restored.result).toBeUndefined();
  attempt = { ...left, state: "ended", exitCode: 1, hasVolume: true };
  await expect(restoring().run()).rejects.toThrow("without an answer");
});

test("another restore that is under way is in the way, and stays as it is", async () => {
  attempt = { id: "c", generation: "g", typed: "1h ago", target: "t", since: "s", state: "running", hasVolume: true };
  const refused = restoring().run();
  await expect(refused).rejects.toMatchObject({ exitCode: 75 });
  await expect(refused).rejects.toThrow("./slipway restore --to '1h ago' --yes");
  generations = { current: "g", kept: ["first"] };
  await expect(restoring().run()).rejects.toThrow("./slipway restore --back --to first --yes");
  expect(did).toEqual([]);
});

test("a plan changes nothing, and says what was left and what would become of it", async () => {
  expect(await restoring().plan()).toEqual(plan);
  expect(await restoring().left()).toBeUndefined();
  attempt = {
    id: "c",
    generation: "g",
    typed: "latest",
    target: "t",
    since: "s",
    state: "ended",
    exitCode: 0,
    hasVolume: true,
  };
  expect(await restoring("latest").left()).toMatchObject({ attempt: { generation: "g" }, step: "discard" });
  expect(did).toEqual([]);
});
