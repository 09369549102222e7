import { beforeEach, expect, test } from "vitest";
import { SimulatedObjects } from "../test/servers/cluster-objects.ts";
import { runNow } from "./cluster-job.ts";

/** A CronJob's program on a simulated cluster. */
const patience = { look: 1, start: 60_000, answer: 60_000 };
const RESULT = JSON.stringify({ event: "result", result: { jobsLost: 2 } });
const LOG = '{"level":30,"msg":"looks"}';

let cluster: SimulatedObjects;
let lines: string[];
let logged: string[];
const to = { onLine: (line: string) => void lines.push(line), onLogLine: (line: string) => void logged.push(line) };
const now = (name = "drill", more = patience) =>
  runNow({ objects: cluster, name, patience: more }, ["losses", "2026-11-29T03:00:00Z"], to);

beforeEach(() => {
  cluster = new SimulatedObjects();
  [lines, logged] = [[], []];
});

test("runs with words of its own, says what its program says, and ends with its code", async () => {
  cluster.script("drill-now", { lines: [LOG, RESULT], code: 3 });
  expect(await now()).toBe(3);
  expect([lines, logged]).toEqual([[RESULT], [LOG]]);
  const [name = ""] = cluster.names("Job");
  expect(name).toMatch(/^drill-now-[0-9a-f]{6}$/);
  expect(await cluster.read("Job", name)).toMatchObject({
    metadata: { ownerReferences: [{ kind: "CronJob", name: "drill", uid: cluster.uid("CronJob", "drill") }] },
    spec: {
      template: { spec: { containers: [{ command: ["node", "backup.mjs", "losses", "2026-11-29T03:00:00Z"] }] } },
    },
  });
});

test("goes on over a cluster that is silent for a while, and says each line once", async () => {
  cluster.script("drill-now", { lines: [LOG, RESULT], code: 0 });
  cluster.breaks.push(1, 2);
  expect(await now()).toBe(0);
  expect([lines, logged]).toEqual([[RESULT], [LOG]]);
});

test("is refused where there is no such CronJob, and nothing is made", async () => {
  await expect(now("sweep")).rejects.toThrow("slipway-unit has no CronJob sweep. Is the stack up, of this release?");
  expect(cluster.names("Job")).toEqual([]);
});

test("whose pod does not start is given up, and the job ended", async () => {
  cluster.starts = false;
  await expect(now("drill", { ...patience, start: 5 })).rejects.toThrow("has not started");
  const [name = ""] = cluster.names("Job");
  expect(await cluster.read("Job", name)).toMatchObject({ status: { conditions: [{ type: "Failed" }] } });
});
