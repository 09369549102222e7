import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planCost, type CostInput } from "./cost.ts";
import { GPU_SHAPES } from "./gpu-shapes.ts";
import { formatPrices, parsePrices, pricesOf, type PriceTable } from "./prices.ts";
import { resolveSize, SIZE_NAMES, SIZES } from "./sizes.ts";

const text = readFileSync(new URL("./prices.json", import.meta.url), "utf8");
const shipped = parsePrices(text);

function input(more: Partial<CostInput> = {}): CostInput {
  const size = resolveSize("unit", "small");
  return {
    ...{ region: "unit-1", size, cacheEngine: "valkey", cacheNodes: 2, databases: 1, endpoints: 7 },
    ...{ kmsKeys: 8, firewallRules: 4, secrets: 5 },
    pools: { zones: ["a", "b", "c"], system: { ...size.system, dedicated: true }, cpu: size.cpu, gpu: [] },
    ...more,
  };
}

/** A table in which everything that is asked for costs a dollar a month. */
function dollarEach(prices: PriceTable): PriceTable {
  const price = { usd: 1, date: "2026-01", source: "unit" };
  return {
    sources: { unit: "a table of tests" },
    rows: prices.rows.map((row) => ({ ...row, unit: "month", prices: { "unit-1": price } })),
  };
}

describe("what a plan costs", () => {
  it("is the sum of what there is, by its number", () => {
    const { lines, least, most, unpriced } = planCost(input(), dollarEach(shipped));
    expect(unpriced).toEqual([]);
    const of = (what: string) => lines.filter((line) => line.what === what).map((line) => [line.least, line.most]);
    expect(of("nodes of system")).toEqual([[2, 3]]);
    expect(of("disks of cpu")).toEqual([[50, 200]]);
    expect(of("Postgres' disks")).toEqual([[50, 50]]);
    expect(of("way to AWS")).toEqual([[21, 21]]);
    expect(of("way out")).toEqual([[1, 1]]);
    expect(least).toBe(lines.reduce((sum, line) => sum + line.least, 0));
    expect(most).toBeGreaterThan(least);
  });

  it("takes hours for months, and the dearest of several types for what may come", () => {
    const row = (name: string, usd: number, date: string) => ({
      ...{ service: "EC2", name, unit: "hour" as const },
      // Of a region that is not asked for.
      prices: { "unit-1": { usd, date, source: name }, "unit-2": { usd, date: "1999-12", source: "old" } },
    });
    const prices: PriceTable = {
      sources: { cheap: "a cheap one's", dear: "a dear one's", old: "an old one's" },
      rows: [row("cheap", 1, "2026-01-15"), row("dear", 2, "2026-01")],
    };
    const pool = { instanceTypes: ["dear", "cheap"], min: 1, max: 3, diskGiB: 20 };
    const base = input();
    const { least, most, unpriced, ...cost } = planCost(
      { ...base, pools: { ...base.pools, system: { ...pool, max: 1, dedicated: true }, cpu: pool } },
      prices,
    );
    expect([least, most]).toEqual([2 * 730, (1 + 1 + 2 * 2) * 730]);
    expect(unpriced).toContain("EKS cluster in unit-1");
    // The oldest that it was counted by, and where all of these are from.
    expect(cost.prices).toEqual({ oldest: "2026-01", sources: ["a cheap one's", "a dear one's"] });
  });

  it("counts GPUs of a pool by the hour, each of a machine", () => {
    const base = input();
    const gpu = [
      { shape: "l4", min: 1, max: 3 },
      { shape: "h100x8", max: 2, capacity: "spot" as const },
    ];
    expect(planCost({ ...base, pools: { ...base.pools, gpu } }, shipped).gpuHours).toEqual([
      { pool: "gpu-l4", model: "L4", least: 730, most: 3 * 730 },
      { pool: "gpu-h100x8-spot", model: "H100", least: 0, most: 16 * 730 },
    ]);
  });

  it("is never less at most than at least, and never less with more", () => {
    const pool = fc.record({ min: fc.nat(5), more: fc.nat(5) });
    fc.assert(
      fc.property(pool, ({ min, more }) => {
        const base = input();
        const cost = (most: number) =>
          planCost({ ...base, pools: { ...base.pools, gpu: [{ shape: "t4", min, max: most }] } }, dollarEach(shipped));
        const [few, many] = [cost(min + 1), cost(min + 1 + more)];
        expect(few.most).toBeGreaterThanOrEqual(few.least);
        expect(many.most).toBeGreaterThanOrEqual(few.most);
        expect(many.least).toBe(few.least);
      }),
    );
  });
});

describe("the table of prices", () => {
  it("refuses a price without a date, or from nowhere", () => {
    expect(() => parsePrices(text.replace('"date": "2025-10"', '"date": "lately"'))).toThrow(/rows/);
    expect(() => parsePrices(text.replace('"source": "authors"', '"source": "nowhere"'))).toThrow(/one of `sources`/);
  });

  it("says of each price where it is from and when, and has what every size is made of, in both regions", () => {
    for (const { source, date } of pricesOf(shipped.rows)) {
      expect(shipped.sources[source]).toContain("not fetched");
      expect(date).toMatch(/^\d{4}-\d{2}/);
    }
    expect(formatPrices(shipped)).toBe(text);
    for (const region of ["us-east-1", "eu-central-1"])
      for (const name of SIZE_NAMES) {
        const size = resolveSize("unit", name);
        const { pools } = input();
        const both = {
          ...pools,
          system: { ...size.system, dedicated: true },
          cpu: size.cpu,
          cpuSpot: SIZES[name].cpuSpot,
        };
        for (const cacheEngine of ["valkey", "redis"] as const)
          expect(
            planCost(input({ region, size, pools: both, cacheEngine }), shipped).unpriced,
            `${name} ${region}`,
          ).toEqual([]);
      }
  });

  it("has every shape with GPUs where it is known, and says which it has not", () => {
    for (const { instanceType } of Object.values(GPU_SHAPES))
      expect(
        shipped.rows.find(({ name }) => name === instanceType)?.prices["us-east-1"]?.usd,
        instanceType,
      ).toBeGreaterThan(0.5);
    const base = input({ region: "eu-central-1" });
    const { unpriced } = planCost({ ...base, pools: { ...base.pools, gpu: [{ shape: "h100", max: 1 }] } }, shipped);
    expect(unpriced).toEqual(["EC2 p5.4xlarge in eu-central-1"]);
  });
});
