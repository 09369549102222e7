import { beforeEach, describe, expect, test } from "vitest";
import type { BroughtBack, ListResult, RestoreResult } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { Steps } from "../toolchain/steps.ts";
import { SimulatedObjects } from "../test/servers/cluster-objects.ts";
import { AgentSteps } from "./agent-steps.ts";
import { ClusterAttempts } from "./cluster-attempts.ts";
import { afterChange, type Generations } from "./generations.ts";
import { parseMoment } from "./moment.ts";
import type { RestoreOrder } from "./restore-container.ts";
import { RestoreRun } from "./restore-run.ts";

/** Restores on a simulated cluster; test/cluster/backup.test.ts types them on a real one. */
const ORDER: RestoreOrder = {
  ...{ stack: "unit", generation: "20261129t024000", typed: "2026-11-29T02:40:00Z" },
  ...{ to: "2026-11-29T02:40:00.000Z", target: "2026-11-29T02:40:00.000Z" },
};
const PATIENCE = { look: 1, start: 60_000, answer: 60_000 };
const CLAIM = "PersistentVolumeClaim";
const SILENT = { onLine: () => undefined, onLogLine: () => undefined };
const result: RestoreResult = {
  ...{ label: "20261129-023000F", target: ORDER.target, reached: ORDER.target, migrationLevel: 12, rows: { jobs: 3 } },
  ...{ recoverySeconds: 4, totalSeconds: 9, missingArtifacts: 0 },
};
const broughtBack: BroughtBack = { artifacts: 2, bytes: 7, missing: 1 };
const list: ListResult = {
  backups: [
    {
      ...{ label: result.label, type: "full", startedAt: "2026-11-29T02:30:00Z", endedAt: "2026-11-29T02:30:41Z" },
      ...{ databaseBytes: 1, addedBytes: 1, artifacts: { count: 0, bytes: 0, addedBytes: 0 }, redisBytes: 1 },
      ...{ migrationLevel: 12, jobs: 3, keyId: "k", repositories: ["local"], faults: [] },
    },
  ],
  ...{ key: { id: "k", isEscrowed: true }, archive: {} },
};

const attemptsOn = (objects: SimulatedObjects, patience = PATIENCE) =>
  new ClusterAttempts({ objects, stack: "unit", hasRedis: true, patience });

let cluster: SimulatedObjects;
let attempts: ClusterAttempts;
beforeEach(() => {
  cluster = new SimulatedObjects();
  attempts = attemptsOn(cluster);
});

async function begun() {
  await attempts.begin(ORDER);
  const found = await attempts.find();
  if (found === undefined) throw new Error("it is not there");
  return found;
}

describe("a restore in a cluster", () => {
  test("is found as it was begun, from the cluster alone", async () => {
    expect(await attempts.find()).toBeUndefined();
    const { generation, typed, target } = ORDER;
    expect(await begun()).toMatchObject({ generation, typed, target, state: "made", hasVolume: true });
    expect(cluster.names(CLAIM)).toContain("postgres-20261129t024000");
    await attempts.start();
    expect(await attempts.find()).toMatchObject({ state: "running" });
    cluster.end("restore", 0);
    expect(await attempts.find()).toMatchObject({ state: "ended", exitCode: 0 });
    cluster.end("restore", 3);
    expect(await attempts.find()).toMatchObject({ state: "ended", exitCode: 1 });
  });

  test("is begun once: the second is refused, and takes nothing from the first", async () => {
    const { id } = await begun();
    await expect(attempts.begin({ ...ORDER, generation: "other" })).rejects.toMatchObject({ exitCode: 75 });
    expect(await attempts.find()).toMatchObject({ id, hasVolume: true });
    expect(cluster.names(CLAIM)).not.toContain("postgres-other");
  });

  test("takes no claim that a killed run has left", async () => {
    const left = "postgres-20261129t024000";
    await cluster.create({ kind: CLAIM, metadata: { name: left } });
    const uid = cluster.uid(CLAIM, left);
    await begun();
    expect(cluster.uid(CLAIM, left)).not.toBe(uid);
  });

  test("says what is missing where the stack has no drills to make it from", async () => {
    await cluster.remove("CronJob", "drill");
    await expect(attempts.begin(ORDER)).rejects.toThrow(/no CronJob drill.*make up STACK=unit/);
    expect(cluster.names("Job")).toEqual([]);
  });

  test("waits for one that is on its way out, and does not take it for one that was begun", async () => {
    await begun();
    cluster.leaveIn("Job", "restore", 3);
    expect(await attempts.find()).toBeUndefined();
  });

  test("that never served goes with its claim; one that is declared keeps it", async () => {
    await attempts.discard(await begun(), { current: "first", kept: [] });
    expect([cluster.names("Job"), cluster.names(CLAIM)]).toEqual([[], cluster.own]);
    const again = await begun();
    await attempts.discard(again, { current: "first", kept: [again.generation] });
    expect(cluster.names(CLAIM)).toEqual([...cluster.own, "postgres-20261129t024000"]);
  });
});

describe("generations", () => {
  test("are those whose claim stays", async () => {
    await begun();
    expect(await attempts.generations()).toEqual(["20261129t024000", "first"]);
    cluster.leaveIn(CLAIM, "postgres-20261129t024000", 5);
    expect(await attempts.generations()).toEqual(["first"]);
  });

  test("that no deploy has are deleted; for the first one its users are started anew, on empty claims", async () => {
    const before = cluster.own.map((name) => cluster.uid(CLAIM, name));
    const pod = cluster.uid("Pod", "postgres-0");
    await begun();
    await attempts.remove("20261129t024000");
    expect(cluster.names(CLAIM)).toEqual(cluster.own);
    expect(cluster.uid("Pod", "postgres-0")).toBe(pod);
    await attempts.remove("first");
    expect(cluster.names(CLAIM)).toEqual(cluster.own);
    for (const [at, name] of cluster.own.entries()) expect(cluster.uid(CLAIM, name)).not.toBe(before[at]);
    expect(cluster.uid("Pod", "postgres-0")).not.toBe(pod);
  });
});

describe("artifacts", () => {
  test("are brought back by a job that is gone after, as is one that was left", async () => {
    const found = await begun();
    await cluster.create({ kind: "Job", metadata: { name: "restore-artifacts" } });
    cluster.script("restore-artifacts", { lines: [JSON.stringify({ event: "result", result: broughtBack })], code: 0 });
    const lines: string[] = [];
    expect(await attempts.bringBack(found, { ...SILENT, onLine: (line) => lines.push(line) })).toBe(0);
    expect(lines).toHaveLength(1);
    expect(cluster.names("Job")).toEqual(["restore"]);
  });
});

/** Everything that changes something, in its order. */
const STEPS = [
  ...["makes the job", "makes the claim", "starts the job", "makes the job of artifacts", "removes that"],
  ...["changes the file", "deploys", "removes the job"],
];

describe("the whole way", () => {
  let generations: Generations;
  class Killed extends Error {}

  function restoring(killAt = Infinity): RestoreRun {
    let did = 0;
    const act = () => {
      if (did >= killAt) throw new Killed();
      did += 1;
    };
    cluster.beforeWrite = act;
    const screen = { write: () => undefined, isTerminal: false, columns: 80 };
    return new RestoreRun({
      ...{ stack: "unit", moment: parseMoment(ORDER.typed, Date.parse("2026-11-29T02:50:00Z")), attempts },
      findAgent: async () => ({
        ask: async ({ words, schema }) => {
          if (words[0] === "plan") throw new UserError("nobody can say");
          return { code: 0, result: schema.parse(list) };
        },
      }),
      switching: {
        generations: () => generations,
        change: async (change) => {
          act();
          generations = afterChange(generations, change);
        },
        forget: async () => undefined,
        isProtected: async () => false,
        deploy: async () => {
          act();
          return [];
        },
        deployed: async () => generations.current,
      },
      shown: new AgentSteps(new Steps({ screen }), 0),
      say: () => undefined,
    });
  }

  beforeEach(() => {
    generations = { current: "first", kept: [] };
    cluster.script("restore", { lines: [JSON.stringify({ event: "result", result })], code: 0 });
    cluster.script("restore-artifacts", { lines: [JSON.stringify({ event: "result", result: broughtBack })], code: 0 });
  });

  test.each(STEPS.map((step, at) => [step, at] as const))(
    "killed before it %s, it comes to the same end when it is run again",
    async (_, at) => {
      await expect(restoring(at).run()).rejects.toThrow(Killed);
      const restored = await restoring().run();
      expect(restored).toMatchObject({
        ...{ generation: ORDER.generation, before: "first" },
        ...{ volume: "postgres-20261129t024000", volumeBefore: "data-postgres-0" },
      });
      expect(generations).toEqual({ current: ORDER.generation, kept: ["first"] });
      expect(cluster.names("Job")).toEqual([]);
      expect(cluster.names(CLAIM)).toEqual([...cluster.own, "postgres-20261129t024000"]);
    },
  );

  test("one that fails leaves what there was before", async () => {
    cluster.script("restore", { lines: ['{"event":"failure","message":"the WAL has a hole"}'], code: 1 });
    await expect(restoring().run()).rejects.toThrow(/the WAL has a hole\nNothing was changed: the generation first/);
    expect([cluster.names("Job"), cluster.names(CLAIM), generations.kept]).toEqual([[], cluster.own, []]);
  });
});
