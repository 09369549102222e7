import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry, type CounterConfiguration } from "prom-client";
import type { MetricsPage } from "../jobs/health-server.ts";
import type { RelayCounts } from "../jobs/relay.ts";
import type { GpuSample } from "./gpu.ts";
import type { PoolState } from "./pool/pool.ts";
import { RunnerDied, type JobRunner } from "./runner.ts";

/** What a handler came to, as it is counted. */
type Outcome = "succeeded" | "failed" | "failed-for-good" | "stopped" | "place-died";

/** What the metrics look at when they are asked for. */
export interface WorkerView {
  /** Jobs at once. */
  readonly slots: number;
  readonly pool: () => PoolState | undefined;
  readonly gpus: () => readonly GpuSample[];
  /** `undefined` while the worker starts. */
  readonly relayed: () => RelayCounts | undefined;
}

export interface WorkerMetrics {
  readonly page: MetricsPage;
  /** Counts and times what a runner runs. */
  measure(runner: JobRunner): JobRunner;
  close(): void;
}

const BUCKETS_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900];
const MEBIBYTE = 1024 * 1024;
const NANOSECONDS = 1e9;

/** Makes the metrics of one worker process, in a registry of their own. */
export function createWorkerMetrics(view: WorkerView): WorkerMetrics {
  const registry = new Registry();
  const tally = new Tally();
  const seconds = new Histogram({
    name: "slipway_worker_job_seconds",
    help: "Time that handlers took",
    labelNames: ["kind"],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  addJobs(registry, tally, view);
  addPool(registry, view);
  addGpus(registry, view);
  addRelay(registry, view);
  const lag = addEventLoop(registry);
  return {
    page: { contentType: registry.contentType, text: () => registry.metrics() },
    measure: (runner) =>
      measured(runner, tally, (kind, took) => {
        seconds.observe({ kind }, took);
      }),
    close: () => {
      lag.disable();
    },
  };
}

/** Plain numbers: a counter with labels costs more than some jobs do. They are taken over when somebody asks. */
class Tally {
  running = 0;
  readonly #counts = new Map<string, Map<Outcome, number>>();

  add(kind: string, outcome: Outcome): void {
    let counts = this.#counts.get(kind);
    if (!counts) this.#counts.set(kind, (counts = new Map<Outcome, number>()));
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }

  *entries(): Generator<{ kind: string; outcome: Outcome; count: number }> {
    for (const [kind, counts] of this.#counts) for (const [outcome, count] of counts) yield { kind, outcome, count };
  }
}

function measured(runner: JobRunner, tally: Tally, took: (kind: string, seconds: number) => void): JobRunner {
  return {
    run: async (work, host, signal) => {
      const started = performance.now();
      tally.running += 1;
      let outcome: Outcome = "stopped";
      try {
        const result = await runner.run(work, host, signal);
        outcome = result.is === "success" ? "succeeded" : result.permanent ? "failed-for-good" : "failed";
        return result;
      } catch (error) {
        if (error instanceof RunnerDied) outcome = "place-died";
        throw error;
      } finally {
        tally.running -= 1;
        tally.add(work.kind, outcome);
        took(work.kind, (performance.now() - started) / 1000);
      }
    },
    close: () => runner.close(),
  };
}

function addJobs(registry: Registry, tally: Tally, view: WorkerView): void {
  addCounter(registry, {
    name: "slipway_worker_jobs_total",
    help: "Handlers that ended, by kind and outcome",
    labelNames: ["kind", "outcome"],
    collect() {
      this.reset();
      for (const { kind, outcome, count } of tally.entries()) this.inc({ kind, outcome }, count);
    },
  });
  addGauge(registry, "slipway_worker_jobs_running", "Jobs that run now", () => tally.running);
  addGauge(registry, "slipway_worker_slots", "Jobs that may run at once", () => view.slots);
}

function addPool(registry: Registry, { pool }: WorkerView): void {
  addGauge(registry, "slipway_worker_places", "Processes or threads of the pool", () => pool()?.places ?? 0);
  addGauge(registry, "slipway_worker_places_ready", "Places that take jobs", () => pool()?.ready ?? 0);
  addCounter(registry, {
    name: "slipway_worker_place_restarts_total",
    help: "Places that ended and were started again",
    collect() {
      this.reset();
      this.inc(pool()?.restarts ?? 0);
    },
  });
}

function addRelay(registry: Registry, { relayed }: WorkerView): void {
  addCounter(registry, {
    name: "slipway_relay_moved_total",
    help: "Wake-ups brought from the outbox to Redis",
    collect() {
      this.reset();
      this.inc(relayed()?.moved ?? 0);
    },
  });
  addCounter(registry, {
    name: "slipway_relay_failures_total",
    help: "Passes of the relay that failed",
    collect() {
      this.reset();
      this.inc(relayed()?.failures ?? 0);
    },
  });
}

function addEventLoop(registry: Registry) {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  addGauge(registry, "slipway_worker_event_loop_lag_seconds", "99th percentile since the last look", () => {
    const seconds = delay.percentile(99) / NANOSECONDS;
    delay.reset();
    return seconds;
  });
  addGauge(registry, "slipway_worker_memory_bytes", "Resident memory of the worker's own process", () =>
    process.memoryUsage.rss(),
  );
  return delay;
}

const GPU_GAUGES = [
  ["memory_used_bytes", "Memory in use", (gpu: GpuSample) => gpu.memoryUsedMiB * MEBIBYTE],
  ["memory_total_bytes", "Memory", (gpu: GpuSample) => gpu.memoryTotalMiB * MEBIBYTE],
  [
    "utilisation_ratio",
    "Part of the time in which it worked, 0 to 1",
    (gpu: GpuSample) => (gpu.utilisationPercent === undefined ? undefined : gpu.utilisationPercent / 100),
  ],
  ["temperature_celsius", "Temperature", (gpu: GpuSample) => gpu.temperatureCelsius],
  ["power_watts", "Power it draws", (gpu: GpuSample) => gpu.powerWatts],
] as const;

function addGpus(registry: Registry, { gpus }: WorkerView): void {
  for (const [name, help, value] of GPU_GAUGES) {
    registry.registerMetric(
      new Gauge({
        name: `slipway_worker_gpu_${name}`,
        help,
        labelNames: ["gpu", "uuid", "model"],
        registers: [],
        collect() {
          this.reset(); // A GPU that is lost is not shown as it was.
          for (const gpu of gpus()) {
            const seen = value(gpu);
            if (seen !== undefined) this.set({ gpu: String(gpu.index), uuid: gpu.uuid, model: gpu.name }, seen);
          }
        },
      }),
    );
  }
}

function addCounter(registry: Registry, configuration: CounterConfiguration<string>): void {
  registry.registerMetric(new Counter({ ...configuration, registers: [] }));
}

function addGauge(registry: Registry, name: string, help: string, value: () => number): void {
  const gauge = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(value());
    },
  });
  registry.registerMetric(gauge);
}
