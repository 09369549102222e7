import { expect, it } from "vitest";
import { createTestContext, memberOf } from "../../test/servers/job-context.ts";
import sum from "./sum.ts";
import total from "./total.ts";

it("adds up what members of a batch of sums gave", async () => {
  const results = await Promise.all(
    [[1, 2], [], [0.5]].map((numbers) => sum.perform(createTestContext(), { numbers })),
  );
  const members = results.map((result, position) => memberOf(position, { result }));
  expect(await total.perform(createTestContext({ members }), {})).toEqual({ sum: 3.5, counted: 3, missing: 0 });
  expect(sum.aggregate).toBe(total.name);
});

it("counts members without a sum, and takes none of those that did not succeed", async () => {
  const members = [
    memberOf(0, { result: { sum: 4 } }),
    memberOf(1, { state: "dead", error: { code: "handler-failed", message: "no" } }),
    memberOf(2, { state: "cancelled", result: { sum: 100 } }),
    memberOf(3, { result: { durationSeconds: 1 } }),
  ];
  expect(await total.perform(createTestContext({ members }), {})).toEqual({ sum: 4, counted: 1, missing: 3 });
  expect(await total.perform(createTestContext(), {})).toEqual({ sum: 0, counted: 0, missing: 0 });
});
