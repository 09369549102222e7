import { expect, test } from "vitest";
import { Canaries, sharesBeside } from "./canary.ts";

const never = () => new Promise<void>(() => undefined);
/** Whether it comes to an end without anything else happening. */
async function isOver(work: Promise<void>): Promise<boolean> {
  const end = work.then(
    () => true,
    () => true,
  );
  return Promise.race([end, new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
}

test("one that is good waits for the others, and goes on once they are", async () => {
  const canaries = new Canaries();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const slow = canaries.run("api", () => promise);
  const quick = canaries.run("worker-cpu", () => Promise.resolve());
  expect(await isOver(quick)).toBe(false);
  resolve(undefined);
  await Promise.all([slow, quick]);
  expect(canaries.fault).toBeUndefined();
});

test("where one is worse none goes on, and the first says why", async () => {
  const canaries = new Canaries();
  const { promise, reject } = Promise.withResolvers<undefined>();
  const bad = canaries.run("worker-cpu", () => promise);
  const good = canaries.run("api", () => Promise.resolve());
  reject(new Error("12 of 30 attempts failed"));
  await expect(bad).rejects.toThrow("12 of 30 attempts failed");
  await expect(good).rejects.toThrow("The canary was given up: the canary of worker-cpu was given up.");
  expect(canaries.fault).toBe("the canary of worker-cpu was given up");
});

test("one alone waits for nobody", async () => {
  const canaries = new Canaries();
  expect(await isOver(canaries.run("api", () => Promise.resolve()))).toBe(true);
  expect(await isOver(canaries.run("api", never))).toBe(false);
});

test("all of the requests are no share of pods, but the rollout", () => {
  expect(sharesBeside({ shares: [10, 50, 100], seconds: 60 })).toEqual([10, 50]);
});
