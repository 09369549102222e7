import { expect, test } from "vitest";
import { blueGreenPlan, canaryEnvironment, canaryOfCaller, parseCanary, type CanaryPlan } from "./canary.ts";

test.each<[CanaryPlan | undefined, string]>([
  [parseCanary("10,50,100", "30"), "10,50,100"],
  [blueGreenPlan("30"), "blue-green"],
  [undefined, ""],
])("%j comes to the program as it was meant, by %j", (plan, text) => {
  const env = canaryEnvironment(plan);
  expect(env["SLIPWAY_CANARY"]).toBe(text);
  expect(canaryOfCaller(env)).toEqual(plan);
});

test("blue-green looks for a minute where nobody says otherwise, and no share is called so", () => {
  expect(canaryOfCaller({ SLIPWAY_CANARY: "blue-green" })).toEqual({ shares: [100], seconds: 60 });
  expect(() => canaryOfCaller({ SLIPWAY_CANARY: "blue" })).toThrow('are "blue"; allowed are whole percents');
  expect(() => blueGreenPlan("0")).toThrow("a whole number from 1 to 99999");
});
