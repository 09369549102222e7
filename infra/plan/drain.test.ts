import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { loadRuntime } from "../../configs/runtime.ts";
import { stackSchema } from "../../configs/stack.ts";
import { manifestOfAll, recordStack } from "../../test/pulumi/docker-stack.ts";
import {
  assertDrain,
  CLOSING_SECONDS,
  EKS_NODE_DRAIN_SECONDS,
  KILL_MARGIN_SECONDS,
  LINGER_SECONDS,
  mostDrainSeconds,
  planDrain,
  SERVER_KEEP_ALIVE_SECONDS,
  SPOT_NOTICE_SECONDS,
  type DrainInput,
} from "./drain.ts";
import { PlanError } from "./plan-error.ts";

vi.mock("../images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const API: DrainInput = {
  name: "api",
  time: { drainSeconds: 25 },
  traffic: "load-balancer",
  capacity: "on-demand",
  nodeDrainLimitSeconds: EKS_NODE_DRAIN_SECONDS,
};
const WORKER: DrainInput = { ...API, name: "worker-cpu", traffic: "none" };

const inputs = fc.record(
  {
    name: fc.constantFrom("api", "worker-cpu", "worker-gpu"),
    time: fc.oneof(
      fc.record({ drainSeconds: fc.integer({ min: 5, max: 3600 }) }),
      fc.record({ drainSeconds: fc.integer({ min: 5, max: 150 }) }),
      fc.record({ longestJobSeconds: fc.integer({ min: 2, max: 3597 }) }),
      fc.record({ longestJobSeconds: fc.integer({ min: 2, max: 150 }) }),
    ),
    traffic: fc.constantFrom("load-balancer", "cluster", "none"),
    capacity: fc.constantFrom("on-demand", "spot"),
    nodeDrainLimitSeconds: fc.integer({ min: 200, max: 900 }),
  },
  { requiredKeys: ["name", "time", "traffic", "capacity"] },
) satisfies fc.Arbitrary<DrainInput>;

function faultsOf(...services: readonly DrainInput[]): readonly string[] {
  try {
    assertDrain("prod", services);
  } catch (error) {
    if (error instanceof PlanError) return error.faults;
    throw error;
  }
  return [];
}

describe("planDrain", () => {
  it("adds up what each layer waits for the API behind a load balancer", () => {
    expect(planDrain(API)).toEqual({
      preStopSeconds: 15,
      drainSeconds: 25,
      workSeconds: 22,
      graceSeconds: 45,
      containerGraceSeconds: 30,
      nodeDrainSeconds: 105,
      loadBalancer: { deregistrationDelaySeconds: 40, idleTimeoutSeconds: 60, serverKeepAliveSeconds: 72 },
    });
  });

  it("gives a worker no preStop, and as long as its longest job takes where that is said", () => {
    expect(planDrain({ ...WORKER, time: { longestJobSeconds: 600 } })).toEqual({
      preStopSeconds: 0,
      drainSeconds: 603,
      workSeconds: 600,
      graceSeconds: 608,
      containerGraceSeconds: 608,
      nodeDrainSeconds: 668,
    });
  });

  it("keeps the order of the layers, whatever is planned", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const plan = planDrain(input);
        const { time, traffic } = input;
        if ("longestJobSeconds" in time) {
          expect(plan.drainSeconds).toBeGreaterThanOrEqual(time.longestJobSeconds + CLOSING_SECONDS);
          if (traffic === "none") expect(plan.workSeconds).toBeGreaterThanOrEqual(time.longestJobSeconds);
        }
        expect(plan.workSeconds).toBeLessThan(plan.drainSeconds);
        expect(plan.workSeconds).toBeGreaterThan(0);
        expect(plan.preStopSeconds).toBeLessThan(plan.graceSeconds);
        expect(plan.preStopSeconds + plan.drainSeconds).toBeLessThan(plan.graceSeconds);
        expect(plan.drainSeconds).toBeLessThan(plan.containerGraceSeconds);
        expect(plan.graceSeconds).toBeLessThan(plan.nodeDrainSeconds);
        expect(plan.loadBalancer !== undefined).toBe(traffic === "load-balancer");
        // Only what gets requests must wait until nobody sends any.
        expect(plan.preStopSeconds > 0).toBe(traffic !== "none");
      }),
    );
  });

  it("agrees with the load balancer wherever it is not refused", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { loadBalancer, ...plan } = planDrain({ ...input, traffic: "load-balancer" });
        expect(loadBalancer).toBeDefined();
        if (!loadBalancer) return;
        expect(loadBalancer.deregistrationDelaySeconds).toBeGreaterThan(plan.preStopSeconds);
        expect(loadBalancer.deregistrationDelaySeconds).toBeLessThan(plan.graceSeconds);
        expect(loadBalancer.idleTimeoutSeconds).toBeGreaterThan(plan.graceSeconds);
        if (faultsOf({ ...input, traffic: "load-balancer" }).length > 0) return;
        expect(loadBalancer.serverKeepAliveSeconds).toBeGreaterThanOrEqual(loadBalancer.idleTimeoutSeconds + 10);
      }),
    );
  });
});

describe("assertDrain", () => {
  it("takes the default drain time everywhere", () => {
    const drainSeconds = stackSchema.parse({ platform: "docker", environment: "prod" }).drainSeconds;
    for (const traffic of ["load-balancer", "cluster", "none"] as const)
      for (const capacity of ["on-demand", "spot"] as const)
        expect(faultsOf({ ...API, time: { drainSeconds }, traffic, capacity })).toEqual([]);
  });

  it("refuses exactly what would be ended early", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { graceSeconds, nodeDrainSeconds, loadBalancer } = planDrain(input);
        const isFine =
          (input.capacity === "on-demand" || graceSeconds + 5 <= SPOT_NOTICE_SECONDS) &&
          (loadBalancer === undefined || loadBalancer.idleTimeoutSeconds + 10 <= SERVER_KEEP_ALIVE_SECONDS) &&
          nodeDrainSeconds <= (input.nodeDrainLimitSeconds ?? Infinity);
        expect(faultsOf(input).length === 0).toBe(isFine);
      }),
    );
  });

  it("says a number that is allowed, and the next one is not", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const allowed = faultsOf(input).map((fault) => Number(/Lower it to (\d+) at most/.exec(fault)?.[1]));
        fc.pre(allowed.length > 0);
        const withTime = (seconds: number): DrainInput => ({
          ...input,
          time: "longestJobSeconds" in input.time ? { longestJobSeconds: seconds } : { drainSeconds: seconds },
        });
        const most = Math.min(...allowed);
        expect(faultsOf(withTime(most))).toEqual([]);
        expect(faultsOf(withTime(most + 1))).not.toEqual([]);
        expect(mostDrainSeconds(input)).toBe(planDrain(withTime(most)).drainSeconds);
      }),
    );
  });

  it("takes an hour where nothing limits it", () => {
    expect(mostDrainSeconds({ name: "worker-cpu", traffic: "none", capacity: "on-demand" })).toBe(3600);
  });

  it("lists the faults of all services with their numbers", () => {
    const long = { drainSeconds: 900 };
    expect(() => {
      assertDrain("prod", [
        { ...API, time: { drainSeconds: 42 } },
        {
          ...WORKER,
          name: "worker-spot",
          capacity: "spot",
          time: { longestJobSeconds: 200 },
          key: "queues.cpu.longestJobSeconds",
        },
        { ...WORKER, time: long },
      ]);
    }).toThrow(
      "The drain times of Pulumi.prod.yaml: 3 faults; nothing was created or changed.\n" +
        "  - slipway:drainSeconds is 42: api would need 62 s to go (15 before SIGTERM, 42 to drain, 5 spare), allowed are 61: the load balancer waits longer than that, and 10 s less than the server keeps idle connections (72 s). Lower it to 41 at most; requests end sooner.\n" +
        "  - slipway:queues.cpu.longestJobSeconds is 200: worker-spot would need 208 s to go (0 before SIGTERM, 203 to drain, 5 spare), allowed are 115: a spot instance ends 120 s after its notice, which takes 5 s to arrive. Lower it to 107 at most; or let it run on demand.\n" +
        "  - slipway:drainSeconds is 900: worker-cpu would need 905 s to go (0 before SIGTERM, 900 to drain, 5 spare), allowed are 840: a node waits 900 s at most, of which 60 s are for evictions. Lower it to 835 at most; longer jobs are handed back, or must be split.",
    );
  });

  it.each([
    [{ drainSeconds: 4 }, "slipway:drainSeconds is 4, must be a whole number of 5..3600 seconds."],
    [{ drainSeconds: 3601 }, "slipway:drainSeconds is 3601, must be a whole number of 5..3600 seconds."],
    [{ drainSeconds: 7.5 }, "slipway:drainSeconds is 7.5, must be a whole number of 5..3600 seconds."],
    [{ longestJobSeconds: 1 }, "slipway:drainSeconds is 1, must be a whole number of 2..3597 seconds."],
    [{ drainSeconds: Number.NaN }, "slipway:drainSeconds is NaN, must be a whole number of 5..3600 seconds."],
  ])("refuses %j", (time, fault) => {
    expect(faultsOf({ ...WORKER, time })).toEqual([fault]);
  });
});

describe("numbers that others hold too", () => {
  /** Milliseconds of a constant that only its file knows, in seconds. */
  const secondsIn = (file: string, name: string): number => {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    return Number(new RegExp(`^const ${name} = ([\\d_]+);`, "m").exec(text)?.[1]?.replaceAll("_", "")) / 1000;
  };

  it("are those in the sources of API and worker", () => {
    expect(secondsIn("app/app.ts", "KEEP_ALIVE_MS")).toBe(SERVER_KEEP_ALIVE_SECONDS);
    expect(secondsIn("worker/start-worker.ts", "CLOSING_MS")).toBe(CLOSING_SECONDS);
  });

  it("are the defaults of a process that is told nothing", () => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-drain-"));
    for (const name of ["database-password", "redis-password"]) writeFileSync(join(folder, name), "x");
    const config = loadRuntime("worker", {
      ...{ APP_ENV: "dev", DATABASE_HOST: "db", DATABASE_NAME: "slipway", DATABASE_USER: "slipway_app" },
      ...{ REDIS_HOST: "cache", SECRETS_DIR: folder },
    });
    rmSync(folder, { recursive: true });
    expect(config.DRAIN_LINGER_SECONDS).toBe(LINGER_SECONDS);
    expect(planDrain({ ...WORKER, time: { drainSeconds: config.DRAIN_SECONDS } })).toEqual(planDrain(WORKER));
  });

  it("are those of the docker platform: drain time and margin until its containers are killed", async () => {
    const config = stackSchema.parse({ platform: "docker", environment: "dev", drainSeconds: 40 });
    const { resources } = await recordStack(config);
    const { containerGraceSeconds } = planDrain({ ...WORKER, time: { drainSeconds: 40 } });
    const services = resources.filter(({ name }) => /^(api|worker-cpu)-\d$/.test(name));
    expect(services.map(({ inputs }) => inputs["destroyGraceSeconds"])).toEqual(
      services.map(() => containerGraceSeconds),
    );
    expect(services).toHaveLength(3);
    expect(containerGraceSeconds).toBe(40 + KILL_MARGIN_SECONDS);
  });
});
