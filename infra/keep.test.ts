import { expect, it } from "vitest";
import { keeps } from "./keep.ts";

it("keeps a stack of prod, until it is to be taken away", () => {
  expect(keeps({ environment: "prod", teardown: false })).toBe(true);
  expect(keeps({ environment: "prod", teardown: true })).toBe(false);
});

it.each(["local", "dev", "test"] as const)("keeps nothing of %s", (environment) => {
  expect(keeps({ environment, teardown: false })).toBe(false);
});
