import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { API_SETTINGS } from "../../configs/api-settings.ts";
import { carries, MEASURED, WAITING_PER_PROCESS } from "./size-capacity.ts";
import { resolveSize, SIZE_NAMES } from "./sizes.ts";

const sizes = SIZE_NAMES.map((name) => [name, resolveSize("prod", name)] as const);

const anySize = fc.record({
  database: fc.record({
    vcpus: fc.integer({ min: 1, max: 192 }),
    baseline: fc.double({ min: 0.05, max: 1, noNaN: true }),
  }),
  api: fc.record({
    maxReplicas: fc.integer({ min: 1, max: 1000 }),
    cpus: fc.double({ min: 0.1, max: 192, noNaN: true }),
  }),
  worker: fc.record({
    maxReplicas: fc.integer({ min: 1, max: 1000 }),
    cpus: fc.double({ min: 0.1, max: 192, noNaN: true }),
    concurrency: fc.integer({ min: 1, max: 256 }),
  }),
});

describe("carries (estimates, computed from figures of one machine)", () => {
  it("says what each size carries", () => {
    expect(sizes.map(([name, size]) => [name, carries(size)])).toEqual([
      [
        "small",
        {
          basis: "estimate",
          jobsPerSecond: 1146,
          limitedBy: "database",
          jobsAtOnce: 25,
          requestsPerSecond: 4816,
          concurrentRequests: 6400,
        },
      ],
      [
        "medium",
        {
          basis: "estimate",
          jobsPerSecond: 11_460,
          limitedBy: "database",
          jobsAtOnce: 153,
          requestsPerSecond: 48_160,
          concurrentRequests: 12_800,
        },
      ],
      [
        "large",
        {
          basis: "estimate",
          jobsPerSecond: 13_463,
          limitedBy: "cache",
          jobsAtOnce: 409,
          requestsPerSecond: 96_320,
          concurrentRequests: 51_200,
        },
      ],
    ]);
  });

  it("promises no more than four fifths of what was measured, for what it was measured on", () => {
    // Two cores for each part, although all parts together had two.
    const two = { maxReplicas: 1, cpus: 2, concurrency: 100 };
    const { jobsPerSecond } = carries({ database: { vcpus: 2, baseline: 1 }, api: two, worker: two });
    expect(jobsPerSecond).toBeLessThanOrEqual(0.8 * MEASURED.workerJobsPerSecond);
  });

  it("carries no less with more of anything, and what limits is what has to be more", () => {
    fc.assert(
      fc.property(anySize, fc.constantFrom("api", "worker", "database"), (size, part) => {
        const { database, api, worker } = size;
        const doubled = {
          database: { ...database, vcpus: database.vcpus * 2 },
          api: { ...api, maxReplicas: api.maxReplicas * 2 },
          worker: { ...worker, maxReplicas: worker.maxReplicas * 2 },
        };
        const before = carries(size);
        const after = carries({ ...size, [part]: doubled[part] });
        expect(after.jobsPerSecond).toBeGreaterThanOrEqual(before.jobsPerSecond);
        expect(after.requestsPerSecond).toBeGreaterThanOrEqual(before.requestsPerSecond);
        expect(after.requestsPerSecond).toBeGreaterThanOrEqual(after.jobsPerSecond);
        if (part !== before.limitedBy) expect(after.jobsPerSecond).toBe(before.jobsPerSecond);
      }),
    );
  });
});

describe("figures that others hold too", () => {
  it("are those of docs/benchmarks.md", () => {
    const text = readFileSync(new URL("../../docs/benchmarks.md", import.meta.url), "utf8");
    const row = (name: string) => text.split("\n").find((line) => line.startsWith(`| ${name}`)) ?? "";
    const written = (number: number) => number.toLocaleString("en-US");
    expect(row("backlog: worker / BullMQ")).toContain(` ${written(MEASURED.workerJobsPerSecond)} jobs/s `);
    expect(row("backlog: core / BullMQ")).toContain(` ${written(MEASURED.coreJobsPerSecond)} jobs/s `);
    expect(row("backlog: core / BullMQ")).toContain(`| ${MEASURED.coreToBullMq} x `);
    expect(row("enqueue, 32 at once")).toContain(` ${written(MEASURED.insertsPerSecond)} jobs/s `);
    expect(text).toContain(`some ${MEASURED.fastifyMicroseconds} us here`);
    expect(text).toContain(`some ${MEASURED.acceptMicroseconds} us more`);
    expect(text).toContain(`${MEASURED.cores} cores of`);
  });

  it("are the API's own default", () => {
    expect(API_SETTINGS.MAX_WAITING_INSERTS.parse(undefined)).toBe(WAITING_PER_PROCESS);
  });
});
