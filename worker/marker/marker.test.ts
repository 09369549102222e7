import { hostname } from "node:os";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { loadRuntime } from "../../configs/runtime.ts";
import { claimJob, handBackJob, type Claim } from "../../jobs/attempts.ts";
import { insertJob } from "../../jobs/store.ts";
import { registerWorker } from "../../jobs/worker-lease.ts";
import { CLUSTER_API_HOST, startClusterApi, type SimulatedClusterApi } from "../../test/servers/cluster-api.ts";
import { bundlePrograms, type Bundles } from "../../test/servers/bundles.ts";
import { freePort, startProgram, until, type RunningProgram } from "../../test/servers/programs.ts";
import { createTestLog, startStack, type TestStack } from "../../test/servers/stack.ts";
import { COST_ANNOTATION, EVICTION_ANNOTATION, openClusterApi } from "./cluster-api.ts";
import { startMarking, type Marking } from "./marking.ts";
import { BUSY_COST, CALM_MS } from "./marks.ts";

const MARKED = ["worker-cpu", "worker-gpu"];
let stack: TestStack;
let bundles: Bundles;
let api: SimulatedClusterApi;
beforeAll(async () => {
  [stack, bundles] = await Promise.all([startStack(), bundlePrograms()]);
});
afterAll(async () => {
  bundles.remove();
  await stack.close();
});
beforeEach(async () => {
  await stack.reset();
  api = await startClusterApi({
    "worker-cpu-a": { service: "worker-cpu", annotations: {} },
    "worker-cpu-b": { service: "worker-cpu", annotations: {} },
    "worker-gpu-a": { service: "worker-gpu", annotations: {} },
    [hostname()]: { service: "worker-cpu", annotations: {} },
  });
});
afterEach(() => api.close());

let jobs = 0;
async function takeJob(worker: string): Promise<Claim> {
  const id = String(BigInt((jobs += 1)) << 22n);
  const workerId = await registerWorker(stack.pool, `${worker}:7`, ["default"]);
  await insertJob(stack.pool, { id, tenant: "acme", kind: "sum", queue: "default", params: { numbers: [1] } });
  const claimed = await claimJob(stack.pool, id, workerId);
  if (claimed.outcome !== "claimed") throw new Error(`the job was not claimed: ${claimed.outcome}`);
  return claimed.claim;
}

/** Pods that scale-down takes last and the cluster autoscaler not at all. A mark is whole, or it is none. */
function marked(): string[] {
  return [...api.pods].flatMap(([name, { annotations }]) => {
    const mark = [annotations[COST_ANNOTATION], annotations[EVICTION_ANNOTATION]];
    if (mark.every((part) => part === undefined)) return [];
    expect(mark, name).toEqual([BUSY_COST, "false"]);
    return [name];
  });
}

describe("marking, with Postgres and a simulated API", () => {
  let marking: Marking;
  const { log, lines } = createTestLog();
  beforeEach(() => {
    const cluster = openClusterApi({ host: CLUSTER_API_HOST, port: api.port, folder: api.access });
    marking = startMarking({ database: stack.pool, cluster, log, services: MARKED, pauseMs: 20 });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await marking.close();
  });

  it("marks the pods whose workers run a job, while they do and a while longer", async () => {
    await until("it has looked", () => marking.failing().length === 0);
    const [cpu] = [await takeJob("worker-cpu-b"), await takeJob("worker-gpu-a")];
    await until("both are marked", () => marked().length === 2);
    expect(marked()).toEqual(["worker-cpu-b", "worker-gpu-a"]);
    await handBackJob(stack.pool, cpu);
    const looks = api.asked.length;
    await until("it has looked a few times", () => api.asked.length > looks + 3);
    expect(marked()).toEqual(["worker-cpu-b", "worker-gpu-a"]);
    const now = performance.now();
    vi.spyOn(performance, "now").mockImplementation(() => now + CALM_MS);
    await until("one is not any more", () => marked().length === 1);
    expect(marked()).toEqual(["worker-gpu-a"]);
  });

  it("asks for nothing to be changed where nothing changed", async () => {
    await takeJob("worker-cpu-a");
    await until("it is marked", () => marked().length === 1);
    const looks = api.asked.length;
    await until("it has looked a few times", () => api.asked.length > looks + 5);
    expect(api.asked.filter(({ method }) => method === "PATCH")).toHaveLength(1);
  });

  it("is not ready while it cannot look, says why once, and goes on by itself", async () => {
    await until("it has looked", () => marking.failing().length === 0);
    api.broken = { status: 403, message: "not yours" };
    await until("it fails", () => marking.failing().length === 1);
    expect(marking.failing()[0]?.reason).toContain("not yours");
    const looks = api.asked.length;
    await until("it has tried again", () => api.asked.length > looks + 3);
    const said = lines.filter(({ msg }) => String(msg).includes("not yours"));
    expect(said).toHaveLength(1);
    api.broken = undefined;
    await takeJob("worker-cpu-a");
    await until("it marks", () => marked().length === 1);
    // The server has the mark before the look that made it has ended.
    await until("it has looked", () => marking.failing().length === 0);
    expect(marking.failing()).toEqual([]);
  });

  it("marks the others where some pods cannot be marked, and says so", async () => {
    await until("it has looked", () => marking.failing().length === 0);
    const refused = Array.from({ length: 20 }, (_, index) => `worker-cpu-refused-${index}`);
    api.refused = new Set(refused);
    for (const name of refused) api.pods.set(name, { service: "worker-cpu", annotations: {} });
    await Promise.all(["worker-cpu-a", ...refused].map(takeJob));
    await until("the other is marked", () => marked().length === 1);
    await until("it says so", () => marking.failing().length === 1);
    expect(marking.failing()[0]?.reason).toMatch(/answered 403 to PATCH .*worker-cpu-refused/);
  });
});

describe("the marker's program, beside a worker's", () => {
  const running = new Set<RunningProgram>();
  afterEach(async () => {
    for (const program of running) await program.stop("SIGKILL");
    running.clear();
  });
  async function start(name: "marker" | "worker", more: Record<string, string>) {
    const port = await freePort();
    const env = { PATH: process.env["PATH"] ?? "", ...stack.env, PORT: String(port), ...more };
    const program = startProgram([process.execPath, bundles.path(name)], { cwd: bundles.folder, env });
    running.add(program);
    const ready = () => fetch(`http://127.0.0.1:${port}/health/ready`).then(({ status }) => status === 200);
    await until(`${name} is ready; it said ${program.output()}`, () => ready().catch(() => false));
    return program;
  }

  it("marks the pod that is the worker's host, says it is ready, and ends with 0", async () => {
    await start("worker", { WORKER_QUEUES: "cpu", WORKER_CONCURRENCY: "1", WORKER_PROCESSES: "1" });
    const marker = await start("marker", {
      ...{ MARKED_SERVICES: MARKED.join(","), CLUSTER_ACCESS_DIR: api.access },
      ...{ KUBERNETES_SERVICE_HOST: CLUSTER_API_HOST, KUBERNETES_SERVICE_PORT: String(api.port) },
    });
    expect(marked()).toEqual([]);
    const text = "This is a long sentence, which goes on and on. ".repeat(90);
    for (let index = 0; index < 8; index += 1) {
      const id = String(BigInt((jobs += 1)) << 22n);
      await insertJob(stack.pool, { id, tenant: "acme", kind: "speech", queue: "cpu", params: { text } });
    }
    await until("it is marked", () => marked().length === 1);
    expect(marked()).toEqual([hostname()]);
    expect(await marker.stop("SIGTERM")).toBe(0);
    expect(marker.output()).not.toContain("Canary");
  });

  it("names every setting that it lacks, and ends with 78", () => {
    expect(() => loadRuntime("marker", { ...stack.env, MARKED_SERVICES: "Worker CPU" })).toThrow(
      /2 fault\(s\)[^]*MARKED_SERVICES: got "Worker CPU"; allowed: names of services[^]*KUBERNETES_SERVICE_HOST: got nothing/,
    );
  });
});
