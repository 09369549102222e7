import { expect, test } from "vitest";
import { percentile, ratios, spreadOf } from "./stats.ts";

test("a percentile lies between its neighbours, whatever the order", () => {
  expect(percentile([4, 1, 3, 2], 50)).toBe(2.5);
  expect(percentile([10, 0], 99)).toBeCloseTo(9.9);
  expect(percentile([7], 1)).toBe(7);
});

test("a percentile of nothing, or beyond 100, is refused", () => {
  expect(() => percentile([], 50)).toThrow("list is empty");
  expect(() => percentile([1], 101)).toThrow("must be 0 to 100");
});

test("a spread has median, least and most", () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
});

test("ratios are taken round by round", () => {
  expect(ratios([2, 9], [1, 3])).toEqual([2, 3]);
  expect(() => ratios([1], [])).toThrow("must be as many");
});
