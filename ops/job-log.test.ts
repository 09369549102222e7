import { beforeEach, expect, test } from "vitest";
import { SimulatedObjects } from "../test/servers/cluster-objects.ts";
import { UserError } from "../toolchain/command.ts";
import { JobLog } from "./job-log.ts";

/** The log of a job of a simulated cluster. */
const PATIENCE = { look: 1, start: 60_000, answer: 60_000 };
const EVENTS = [1, 2, 3].map((at) => JSON.stringify({ event: "progress", step: `step ${at}` }));
const LOG = '{"level":30,"msg":"restores"}';

let cluster: SimulatedObjects;
let lines: string[];
let logged: string[];
const to = { onLine: (line: string) => void lines.push(line), onLogLine: (line: string) => void logged.push(line) };
const reading = (patience = PATIENCE) => new JobLog(cluster, { job: "restore" }, to, patience);

beforeEach(async () => {
  cluster = new SimulatedObjects();
  [lines, logged] = [[], []];
  await cluster.create({ kind: "Job", metadata: { name: "restore" } });
});

test("is parted into what the agent says and what it logs, and ends with the container's code", async () => {
  cluster.script("restore", { lines: [LOG, ...EVENTS], code: 3 });
  expect(await reading().read()).toBe(3);
  expect([lines, logged]).toEqual([EVENTS, [LOG]]);
});

test("is read once, whole and in order, over ways that break and a cluster that is silent for a while", async () => {
  cluster.script("restore", { lines: [...EVENTS, LOG], code: 0 });
  cluster.breaks.push(0, 2, 1, 3);
  cluster.silences = 3;
  expect(await reading().read()).toBe(0);
  expect([lines, logged]).toEqual([EVENTS, [LOG]]);
});

test("is given up where the cluster does not answer any more", async () => {
  cluster.silences = Infinity;
  await expect(reading({ ...PATIENCE, answer: 5 }).read()).rejects.toThrow("ECONNREFUSED");
});

test("of a pod that was taken away ends with what the job says of it", async () => {
  cluster.starts = false;
  cluster.end("restore", 1);
  expect(await reading().read()).toBe(1);
});

test("a job that is told to end does, though it was not to be reached at first", async () => {
  cluster.script("restore", { lines: EVENTS, code: undefined });
  cluster.silences = 2;
  const log = reading();
  log.stop();
  expect(await log.read()).toBe(1);
  expect(lines).toEqual(EVENTS);
  expect(await cluster.read("Job", "restore")).toMatchObject({ spec: { activeDeadlineSeconds: 1 } });
});

test("a pod that does not start is given up, with the reason, and the job ended", async () => {
  cluster.starts = false;
  const read = reading({ ...PATIENCE, start: 5 }).read();
  await expect(read).rejects.toThrow(/has not started for 0 min: the cluster has made none/);
  expect(await cluster.read("Job", "restore")).toMatchObject({ status: { conditions: [{ type: "Failed" }] } });
});

test("a job that somebody deletes meanwhile ends it", async () => {
  await cluster.remove("Job", "restore");
  await expect(reading().read()).rejects.toThrow("was deleted meanwhile");
});

test("a fault of who takes the lines is thrown once all are read", async () => {
  cluster.script("restore", { lines: [...EVENTS, LOG], code: 0 });
  const onLine = () => {
    throw new UserError("it says what nobody understands");
  };
  const log = new JobLog(cluster, { job: "restore" }, { ...to, onLine }, PATIENCE);
  await expect(log.read()).rejects.toThrow("nobody understands");
  expect(logged).toEqual([LOG]);
});
