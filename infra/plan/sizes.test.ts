import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConnectionBudgetError, planConnections } from "./connection-budget.ts";
import { PlanError } from "./plan-error.ts";
import { carries } from "./size-capacity.ts";
import { rdsMaxConnections, resolveSize, SIZE_NAMES, SIZES, sizeConnectionUsers } from "./sizes.ts";

describe.each(SIZE_NAMES)("%s", (name) => {
  const size = resolveSize("prod", name);

  it("has connections for everybody, once autoscaling has added all it may", () => {
    const { needed, available } = planConnections(sizeConnectionUsers(size), size.database.maxConnections);
    expect(needed).toBeLessThanOrEqual(available);
    expect(size.database.maxConnections).toBeLessThanOrEqual(rdsMaxConnections(size.database.memoryGiB));
  });

  it("has nodes for all of its pods on demand and spot together", () => {
    const cores = new Map(Object.entries({ large: 2, xlarge: 4, "2xlarge": 8, "4xlarge": 16 }));
    const coresOf = ({ instanceTypes, max }: typeof size.cpu) =>
      max * (cores.get(instanceTypes[0]?.split(".")[1] ?? "") ?? 0);
    const asked = size.api.maxReplicas * size.api.cpus + size.worker.maxReplicas * size.worker.cpus;
    expect(coresOf(size.cpu) + coresOf(size.cpuSpot)).toBeGreaterThanOrEqual(asked);
  });
});

it("each size carries more than the one before, and says what is short first", () => {
  const rates = SIZE_NAMES.map((name) => carries(resolveSize("prod", name)));
  const grows = (key: "jobsPerSecond" | "jobsAtOnce" | "requestsPerSecond" | "concurrentRequests") =>
    rates.every((one, index) => one[key] > (rates[index - 1]?.[key] ?? 0));
  expect([
    grows("jobsPerSecond"),
    grows("jobsAtOnce"),
    grows("requestsPerSecond"),
    grows("concurrentRequests"),
  ]).toEqual([true, true, true, true]);
  expect(rates.map(({ limitedBy }) => limitedBy)).not.toContain(undefined);
});

it("keeps a fifth of what it computes in reserve", () => {
  const { api, database, worker } = resolveSize("prod", "medium");
  expect(carries({ api, database, worker: { ...worker, maxReplicas: 10, concurrency: 10 } }).jobsAtOnce).toBe(80);
});

describe("overrides", () => {
  const numbers = SIZE_NAMES.flatMap((name) =>
    (["api", "worker", "gpu", "database", "cache"] as const).flatMap((section) =>
      Object.entries(SIZES[name][section])
        .filter(([, value]) => typeof value === "number")
        .map(([key, value]) => ({ name, section, key, value: value as number })),
    ),
  );

  it("change any number, and nothing else", () => {
    fc.assert(
      fc.property(fc.constantFrom(...numbers), ({ name, section, key, value }) => {
        // Less of anything but what must stay above something else fits every budget.
        const less =
          key === "replicas" || key === "baseline"
            ? value
            : Number.isInteger(value)
              ? Math.max(1, value)
              : value * 0.99;
        const { database: before, ...base } = resolveSize("prod", name);
        const { database, ...changed } = resolveSize("prod", name, { [section]: { [key]: less } });
        expect({
          ...base,
          [section]: { ...(base[section as keyof typeof base] as object), [key]: less },
        }).toMatchObject(section === "database" ? {} : changed);
        expect(database).toMatchObject(section === "database" ? { [key]: less } : before);
      }),
    );
  });

  it("that are impossible are all told at once, with their keys", () => {
    const overrides = {
      database: { instanceClass: "db.r7g.large", storageGiB: 1 },
      api: { replicas: 9, cpus: 0 },
      worker: { concurrency: 1.5 },
    };
    const refused = () => resolveSize("prod", "small", overrides);
    expect(refused).toThrow(PlanError);
    for (const key of [
      "database.memoryGiB",
      "database.storageGiB is 1, must be a whole number of 20..65536",
      "api.cpus is 0",
      "worker.concurrency is 1.5",
      "api.replicas is 9, must be at most maxReplicas, 4",
    ])
      expect(refused).toThrow(`slipway:aws.overrides.${key}`);
  });

  it("that ask for more connections than there are stop with the sum", () => {
    expect(() => resolveSize("prod", "small", { worker: { maxReplicas: 30 } })).toThrow(ConnectionBudgetError);
    expect(() => resolveSize("prod", "small", { database: { maxConnections: 5000 } })).toThrow(
      "must be at most 450: 4 GiB hold no more",
    );
  });

  it("of a size that there is not name those that there are", () => {
    expect(() => resolveSize("prod", "huge")).toThrow("slipway:aws.size is huge, must be one of small, medium, large.");
  });
});
