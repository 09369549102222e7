import { expect, it } from "vitest";
import { startHealthServer } from "../jobs/health-server.ts";
import { freePort } from "../test/servers/programs.ts";
import type { GpuSample } from "./gpu.ts";
import { createWorkerMetrics } from "./metrics.ts";
import { RunnerDied, type JobRunner, type WorkOutcome } from "./runner.ts";

const done: WorkOutcome = { is: "success", result: 1, artifact: undefined };
const failed = { is: "failure", failure: { code: "x", message: "x" }, artifact: undefined } as const;

const runner: JobRunner = {
  run: async ({ kind }, _, signal) => {
    signal.throwIfAborted();
    if (kind === "dies") throw new RunnerDied("gone");
    if (kind === "fails") return { ...failed, permanent: false };
    return kind === "hopeless" ? { ...failed, permanent: true } : done;
  },
  close: async () => undefined,
};

const host = { progress: () => undefined, members: async () => [] };

async function run(measured: JobRunner, kind: string, signal = new AbortController().signal): Promise<void> {
  await measured.run({ jobId: "1", attempt: 1, kind, params: {} }, host, signal).catch(() => undefined);
}

const GPU: GpuSample = {
  index: 0,
  uuid: "GPU-a",
  name: "L4",
  memoryTotalMiB: 2,
  memoryUsedMiB: 1,
  utilisationPercent: 37,
};

it("counts jobs by kind and outcome, and shows slots, places, lag and GPUs on the health port", async () => {
  let gpus: GpuSample[] = [GPU];
  const pool = () => ({ places: 4, ready: 3, jobs: 0, restarts: 2 });
  const metrics = createWorkerMetrics({ slots: 8, pool, gpus: () => gpus, relayed: () => ({ moved: 5, failures: 1 }) });
  const measured = metrics.measure(runner);
  for (const kind of ["good", "good", "fails", "hopeless", "dies"]) await run(measured, kind);
  await run(measured, "good", AbortSignal.abort(new Error("stop")));
  const address = { host: "127.0.0.1", port: await freePort() };
  const server = await startHealthServer(address, async () => [], metrics.page);
  const get = async () => (await fetch(`http://127.0.0.1:${address.port}/metrics`)).text();
  await get();
  const text = await get(); // A second look counts nothing twice.
  for (const line of [
    'slipway_worker_jobs_total{kind="good",outcome="succeeded"} 2',
    'slipway_worker_jobs_total{kind="good",outcome="stopped"} 1',
    'slipway_worker_jobs_total{kind="fails",outcome="failed"} 1',
    'slipway_worker_jobs_total{kind="hopeless",outcome="failed-for-good"} 1',
    'slipway_worker_jobs_total{kind="dies",outcome="place-died"} 1',
    'slipway_worker_job_seconds_count{kind="good"} 3',
    "slipway_worker_jobs_running 0",
    "slipway_worker_slots 8",
    "slipway_relay_moved_total 5",
    "slipway_relay_failures_total 1",
    "slipway_worker_places 4",
    "slipway_worker_places_ready 3",
    "slipway_worker_place_restarts_total 2",
    'slipway_worker_gpu_memory_used_bytes{gpu="0",uuid="GPU-a",model="L4"} 1048576',
    'slipway_worker_gpu_utilisation_ratio{gpu="0",uuid="GPU-a",model="L4"} 0.37',
  ])
    expect(text.split("\n")).toContain(line);
  expect(text).toMatch(/^slipway_worker_event_loop_lag_seconds \d/m);
  expect(text).not.toContain("slipway_worker_gpu_temperature_celsius{");
  gpus = [];
  expect(await get()).not.toContain("GPU-a");
  await server.close();
  metrics.close();
});
