import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineKind, retryDelayMs, type JobKind } from "./kind.ts";
import type { KindFile } from "./kinds-folder.ts";
import { kindsOfTenants, loadKinds } from "./registry.ts";

const delays = fc.integer({ min: 0, max: 2_147_483_647 });
const failures = fc.integer({ min: 1, max: 1000 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("the pause before a retry", () => {
  it("is always the same where it is fixed", () => {
    fc.assert(
      fc.property(delays, failures, random, (delayMs, failed, dice) => {
        expect(retryDelayMs({ maxAttempts: 9, delayMs }, failed, dice)).toBe(delayMs);
        expect(retryDelayMs({ maxAttempts: 9, delayMs, backoff: "fixed" }, failed, dice)).toBe(delayMs);
      }),
    );
  });

  it("is whole milliseconds between half and all of what doubling gives, never beyond its maximum", () => {
    fc.assert(
      fc.property(delays, fc.option(delays, { nil: undefined }), failures, random, (delayMs, extra, failed, dice) => {
        const most = extra === undefined ? Math.max(3_600_000, delayMs) : Math.max(delayMs, extra, 1);
        const limit = extra === undefined ? {} : { maxDelayMs: most };
        const pause = retryDelayMs({ maxAttempts: 9, delayMs, backoff: "exponential", ...limit }, failed, dice);
        const whole = Math.min(delayMs * 2 ** Math.min(failed - 1, 1000), most);
        expect(Number.isSafeInteger(pause)).toBe(true);
        expect(pause).toBeGreaterThanOrEqual(whole / 2);
        expect(pause).toBeLessThanOrEqual(Math.ceil(whole));
      }),
    );
  });

  it("differs between jobs that failed together", () => {
    const policy = { maxAttempts: 9, delayMs: 1000, backoff: "exponential" } as const;
    expect(new Set(Array.from({ length: 100 }, () => retryDelayMs(policy, 3))).size).toBeGreaterThan(50);
    expect(retryDelayMs(policy, 1, 0)).toBe(1000);
    expect(retryDelayMs(policy, 4, 0)).toBe(8000);
    expect(retryDelayMs(policy, 1000, 0)).toBe(3_600_000);
    expect(retryDelayMs(policy, 1000, 0.999999)).toBe(1_800_002);
  });
});

const base: JobKind = {
  name: "tidy",
  params: z.strictObject({ depth: z.int().default(1) }),
  result: z.unknown(),
  queue: "default",
  retry: { maxAttempts: 1, delayMs: 0 },
  timeoutMs: 1000,
  handler: async () => undefined,
};
const nightly = { name: "nightly", cron: "0 3 * * *", timezone: "Europe/Berlin", params: {} };

describe("a kind's description", () => {
  it("may have schedules, backoff and an aggregate", () => {
    const hourly = { name: "hourly", everySeconds: 3600, params: { depth: 2 } };
    const retry = { maxAttempts: 5, delayMs: 10, backoff: "exponential", maxDelayMs: 10 } as const;
    expect(defineKind({ ...base, retry, aggregate: "total", schedules: [nightly, hourly] }).schedules).toHaveLength(2);
  });

  it.each<[Partial<JobKind>, RegExp]>([
    [{ schedules: [{ name: "n", params: {} }] }, /needs either cron or everySeconds/],
    [{ schedules: [{ ...nightly, everySeconds: 5 }] }, /needs either cron or everySeconds/],
    [{ schedules: [{ ...nightly, cron: "at noon" }] }, /cron is "at noon"/],
    [{ schedules: [{ ...nightly, timezone: "Berlin" }] }, /timezone is "Berlin"/],
    [{ schedules: [{ name: "n", everySeconds: 0, params: {} }] }, /everySeconds is 0/],
    [{ schedules: [{ ...nightly, name: "Not A Name" }] }, /name/],
    [{ schedules: [{ ...nightly, params: { depth: "deep" } }] }, /"tidy", params of schedule "nightly".*depth/s],
    [{ retry: { maxAttempts: 2, delayMs: 100, maxDelayMs: 99 } }, /maxDelayMs must be delayMs or more/],
    [{ timeoutMs: 2 ** 31 }, /timeoutMs/],
  ])("refuses %j", (wrong, message) => {
    expect(() => defineKind({ ...base, ...wrong })).toThrow(message);
  });
});

describe("all kinds together", () => {
  const load = (...kinds: JobKind[]) =>
    loadKinds(async () => kinds.map((kind): KindFile => ({ name: kind.name, exported: defineKind(kind) })));

  it("aggregate only by kinds that are there", async () => {
    await expect(load({ ...base, aggregate: "sums" })).rejects.toThrow(
      'jobs/kinds/tidy.ts: aggregate is "sums", allowed: tidy; correct it or add the kind',
    );
    expect((await load({ ...base, aggregate: "other" }, { ...base, name: "other" })).size).toBe(2);
  });

  it("name each schedule once", async () => {
    await expect(
      load({ ...base, schedules: [nightly] }, { ...base, name: "other", schedules: [nightly] }),
    ).rejects.toThrow('jobs/kinds/other.ts: the schedule "nightly" is in jobs/kinds/tidy.ts too');
  });

  it("hide those that work on the product itself from tenants", async () => {
    const kinds = await load(base, { ...base, name: "repair", upkeep: true });
    expect([...kindsOfTenants(kinds).keys()]).toEqual(["tidy"]);
  });
});
