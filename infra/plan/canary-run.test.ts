import { describe, expect, it, test } from "vitest";
import { blueGreenPlan, CANARY_GIVEN_UP, type CanaryPlan } from "./canary.ts";
import { CanaryError, runCanary, Tally } from "./canary-run.ts";

interface Traffic {
  /** Requests a second, both releases together. */
  readonly rate?: number;
  /** Whether the new release fails, at a share and so many seconds after it began. */
  readonly fails?: (percent: number, seconds: number) => boolean;
  readonly slowAt?: number;
  readonly unwellAt?: number;
  /** Requests that the release before was slow to answer, before the run began. */
  readonly slowEarlier?: number;
  /** @default PLAN */
  readonly plan?: CanaryPlan;
}

const PLAN: CanaryPlan = { shares: [10, 50, 100], seconds: 60 };

/** To test decisions: a world in which time passes only while the run sleeps. */
async function run({
  rate = 20,
  fails = () => false,
  slowAt = -1,
  unwellAt = -1,
  slowEarlier = 0,
  plan = PLAN,
}: Traffic) {
  const tally = new Tally();
  for (let n = 0; n < slowEarlier; n++) tally.add("before", { status: 200, milliseconds: 900 });
  const [sent, said]: [number[], string[]] = [[], []];
  const spent: Record<number, number> = {};
  let percent = 0;
  const world = {
    send: async (share: number) => {
      percent = share;
      sent.push(share);
    },
    unwell: async () => (percent === unwellAt ? "api-1 ended with exit code 1" : undefined),
    say: async (text: string) => {
      said.push(text);
    },
    sleep: async (seconds: number) => {
      spent[percent] = (spent[percent] ?? 0) + seconds;
      const [own, all] = [Math.round((seconds * rate * percent) / 100), seconds * rate];
      const status = fails(percent, spent[percent] ?? 0) ? 500 : 200;
      for (let n = 0; n < own; n++) tally.add("release", { status, milliseconds: percent === slowAt ? 900 : 5 });
      for (let n = own; n < all; n++) tally.add("before", { status: 200, milliseconds: 5 });
    },
  };
  const error: unknown = await runCanary(plan, world, tally).then(
    () => undefined,
    (fault: unknown) => fault,
  );
  return { sent, said, spent, error };
}

test("a good release gets share after share, each for its time, at the last one everything", async () => {
  const { sent, said, spent, error } = await run({});
  expect(error).toBeUndefined();
  expect(sent).toEqual([10, 50, 100]);
  expect(spent).toEqual({ 10: 60, 50: 60, 100: 60 });
  expect(said[0]).toBe(
    "Canary at 10 % is good. the new release: 120 requests, 0 errors (0.0 %), 0 refused, p50 5 ms, p95 5 ms; the one before: 1080 requests, 0 errors (0.0 %), 0 refused, p50 5 ms, p95 5 ms",
  );
});

test("errors end it at once, and everything goes back", async () => {
  const { sent, spent, error } = await run({ fails: (percent) => percent === 10 });
  expect(error).toBeInstanceOf(CanaryError);
  expect(String(error)).toContain(`${CANARY_GIVEN_UP} at 10 %: 52 of 52 requests to the new release failed`);
  expect(sent).toEqual([10, 0]);
  expect(spent[10]).toBe(26);
});

test("what comes up later, or under more requests, is seen as well", async () => {
  expect((await run({ fails: (percent, seconds) => percent === 10 && seconds > 50 })).sent).toEqual([10, 0]);
  expect((await run({ fails: (percent) => percent === 50 })).sent).toEqual([10, 50, 0]);
});

test("where everything goes to the new release it is compared with what the one before answered earlier", async () => {
  const { sent, error } = await run({ fails: (percent) => percent === 100 });
  expect(sent).toEqual([10, 50, 100, 0]);
  expect(String(error)).toContain("0 of 1680 to the one before");
});

test("latency is judged at the end of a share", async () => {
  const { sent, spent, error } = await run({ slowAt: 50 });
  expect(sent).toEqual([10, 50, 0]);
  expect(spent[50]).toBe(60);
  expect(String(error)).toContain("p50 of the new release is 900 ms");
});

test("a container of it that is not well any more ends it", async () => {
  const { sent, error } = await run({ unwellAt: 50 });
  expect(sent).toEqual([10, 50, 0]);
  expect(String(error)).toContain("at 50 %: api-1 ended with exit code 1");
});

test("a share waits for requests, five times as long, and then nothing can be said", async () => {
  const patient = await run({ rate: 5 });
  expect(patient.error).toBeUndefined();
  expect(patient.spent[10]).toBeGreaterThan(60);
  const { sent, spent, error } = await run({ rate: 1 });
  expect(sent).toEqual([10, 0]);
  expect(spent[10]).toBe(300);
  expect(String(error)).toContain("at least 50 of each say something");
});

describe("blue-green", () => {
  const plan = blueGreenPlan("30");

  it("measures the release before, and then sends everything at once for as long", async () => {
    const { sent, said, spent, error } = await run({ plan });
    expect(error).toBeUndefined();
    expect([sent, spent]).toEqual([[100], { 0: 30, 100: 30 }]);
    expect(said).toEqual([
      expect.stringMatching(/^Blue-green is good\. the new release: 600 requests.*; the one before: 600 requests/),
    ]);
  });

  it("goes back at once where errors come", async () => {
    const { sent, spent, error } = await run({ plan, fails: (percent) => percent === 100 });
    expect([sent, spent]).toEqual([[100, 0], { 0: 30, 100: 4 }]);
    expect(String(error)).toMatch(/^CanaryError: The blue-green release was given up: 80 of 80 requests .* failed/);
  });

  it("compares with what was answered right before the switch, not while pods came up", async () => {
    const { error } = await run({ plan, slowAt: 100, slowEarlier: 2000 });
    expect(String(error)).toContain("p50 of the new release is 900 ms, of the one before 5 ms");
  });

  it("sends nothing where the new release is not well before, or too few ask", async () => {
    const unwell = await run({ plan, unwellAt: 0 });
    expect([unwell.sent, String(unwell.error)]).toEqual([[0], expect.stringContaining("api-1 ended")]);
    const { sent, spent, error } = await run({ plan, rate: 0 });
    expect([sent, spent]).toEqual([[0], { 0: 150 }]);
    expect(String(error)).toContain("The release before has everything still.");
  });
});
