import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planCapacity, type Capacity, type Load, type Supply } from "./capacity.ts";

const job = (queue: string, busiestPerSecond: number, secondsPerJob: number): Load => ({
  ...{ kind: queue, queue, jobsPerSecond: busiestPerSecond / 2, busiestPerSecond, secondsPerJob },
});

const SUPPLY: Supply = {
  workers: [
    {
      ...{ name: "worker-cpu", queues: ["default", "cpu"], copies: 2, concurrency: 4, cpus: 1 },
      ...{ copiesKey: "worker.replicas", concurrencyKey: "worker.concurrency" },
    },
    { name: "worker-gpu", queues: ["gpu"], copies: 1, concurrency: 2, cpus: 1, concurrencyKey: "gpu.concurrency" },
  ],
  api: { copies: 2, cpus: 1, copiesKey: "api.replicas" },
  users: [
    { name: "api", replicas: 2, connections: 8, keys: [] },
    { name: "worker-cpu", replicas: 2, connections: 8, keys: [] },
  ],
  maxConnections: 100,
  database: { cpus: 1, key: "postgres.cpus" },
};

const bound = ({ bounds }: Capacity, what: string, unit: string) => {
  const found = bounds.find((one) => one.what === what && one.unit === unit);
  if (found === undefined) throw new Error(`no bound ${what}, ${unit}`);
  return found;
};

describe("how many workers a load needs", () => {
  it("is rate times seconds, with a fifth in reserve", () => {
    // 3.2 jobs at once of 8 places, of which 6.4 are promised: half, and one worker of two.
    const planned = planCapacity([job("cpu", 2, 1), job("default", 0.6, 2)], SUPPLY);
    expect(planned).toMatchObject({ isEnough: true, limitedBy: "worker-cpu" });
    expect(planned.workers[0]).toMatchObject({ jobsAtOnce: 3.2, neededCopies: 1, copies: 2 });
    expect(planned.timesCarried).toBeCloseTo(2);
    expect(planCapacity([job("cpu", 6.4, 1)], SUPPLY)).toMatchObject({ isEnough: true });
    expect(planCapacity([job("cpu", 6.5, 1)], SUPPLY)).toMatchObject({ isEnough: false });
  });

  it("says what the stack's file would have to say: more copies, or more at once in each", () => {
    const planned = planCapacity([job("cpu", 10, 1)], SUPPLY);
    expect(bound(planned, "worker-cpu", "workers")).toEqual({
      ...{ what: "worker-cpu", unit: "workers", needed: 4, there: 2, isEnough: false },
      set: ["slipway:worker.replicas: 4", "slipway:worker.concurrency: 7"],
    });
    expect(planCapacity([job("cpu", 10, 1)], { ...SUPPLY, workers: withConcurrency(7) }).isEnough).toBe(true);
    expect(planCapacity([job("cpu", 10, 1)], { ...SUPPLY, workers: withConcurrency(6) }).isEnough).toBe(false);
  });

  it("counts the CPU that a job costs the worker itself: short ones take no place for long", () => {
    const planned = planCapacity([job("cpu", 9400, 0)], { ...SUPPLY, database: { cpus: 100, key: "postgres.cpus" } });
    // 9,400 a second were measured on two cores.
    expect(planned.workers[0]?.neededCopies).toBe(3);
  });

  it("finds a queue that no worker serves", () => {
    const [cpu, gpu] = SUPPLY.workers;
    if (cpu === undefined || gpu === undefined) throw new Error("SUPPLY has both");
    const planned = planCapacity([job("gpu", 0.1, 1)], { ...SUPPLY, workers: [cpu, { ...gpu, copies: 0 }] });
    expect(bound(planned, "worker-gpu", "workers")).toMatchObject({
      ...{ needed: 1, there: 0, isEnough: false, set: ["slipway:gpu.mode: on"] },
    });
    expect(planned.timesCarried).toBe(0);
  });

  it("is none without a load", () => {
    const planned = planCapacity([], SUPPLY);
    expect(planned).toMatchObject({ isEnough: true, limitedBy: undefined, timesCarried: undefined });
    expect(planned.workers.map(({ neededCopies }) => neededCopies)).toEqual([0, 0]);
  });
});

describe("what all jobs share", () => {
  it("has a connection for every worker that is needed, twice in a release", () => {
    // 5 x 8 twice, 2 x 8 twice, and 6 besides.
    const planned = planCapacity([job("cpu", 16, 1)], SUPPLY);
    expect(bound(planned, "Postgres", "connections")).toMatchObject({ needed: 118, there: 97, isEnough: false });
    const wider = planCapacity([job("cpu", 16, 1)], {
      ...SUPPLY,
      maxConnectionsKey: "kubernetes.postgres.maxConnections",
    });
    expect(bound(wider, "Postgres", "connections").set).toEqual(["slipway:kubernetes.postgres.maxConnections: 121"]);
  });

  it("is bound by Postgres' CPUs, then by Redis, which no key changes", () => {
    const many = planCapacity([job("cpu", 14_000, 0)], SUPPLY);
    expect(bound(many, "Postgres", "CPUs").set).toEqual(["slipway:postgres.cpus: 4.9"]);
    expect(bound(many, "Redis", "jobs/s")).toMatchObject({ needed: 17_500, isEnough: false, set: [] });
  });

  it("has nodes for what workers have reserved", () => {
    const nodes = { cpus: 4, cpusPerWorker: 2, cpusPerNode: 1.7, key: "aws.pools.cpu.max", most: 3 };
    const planned = planCapacity([job("cpu", 10, 1)], { ...SUPPLY, nodes });
    expect(bound(planned, "CPU pools", "CPUs")).toMatchObject({
      ...{ needed: 8, there: 4, set: ["slipway:aws.pools.cpu.max: 6"] },
    });
  });

  it("has GPUs for the workers that need one", () => {
    const gpu = { places: 2, placesPerNode: 2, key: "aws.pools.gpu[0].max" };
    const planned = planCapacity([job("gpu", 4, 1)], { ...SUPPLY, gpu });
    expect(bound(planned, "GPU pools", "workers")).toMatchObject({
      ...{ needed: 3, there: 2, set: ["slipway:aws.pools.gpu[0].max: 2"] },
    });
  });
});

it("carries so many times the load as it says, and no more", () => {
  const load = fc.record({
    rate: fc.double({ min: 0.01, max: 50, noNaN: true }),
    seconds: fc.double({ min: 0.01, max: 60, noNaN: true }),
  });
  fc.assert(
    fc.property(load, ({ rate, seconds }) => {
      const wide = { ...SUPPLY, maxConnections: 1_000_000 };
      const { timesCarried = 0 } = planCapacity([job("cpu", rate, seconds)], wide);
      expect(planCapacity([job("cpu", rate * timesCarried * 0.999, seconds)], wide).isEnough).toBe(true);
      expect(planCapacity([job("cpu", rate * timesCarried * 1.001, seconds)], wide).isEnough).toBe(false);
    }),
  );
});

function withConcurrency(concurrency: number): Supply["workers"] {
  return SUPPLY.workers.map((worker) => (worker.name === "worker-cpu" ? { ...worker, concurrency } : worker));
}
