import { expect, test } from "vitest";
import { formatVersion, isAtLeast, parseVersion } from "./version.ts";

test.each([
  ["v3.230.0", [3, 230, 0]],
  ["3.231.0-dev.1+g12ab", [3, 231, 0]],
  ["go1.26.8", [1, 26, 8]],
  ["Docker version 20.10.24+dfsg1, build 297e128", [20, 10, 24]],
  ["go1.21", [1, 21, 0]],
] as const)("reads %s", (text, version) => {
  expect(parseVersion(text)).toEqual(version);
});

test.each(["", "unknown", "7", "devel"])("finds no version in %j", (text) => {
  expect(parseVersion(text)).toBeUndefined();
});

test.each([
  [[3, 220, 0], true],
  [[3, 220, 1], true],
  [[4, 0, 0], true],
  [[3, 219, 9], false],
  [[2, 999, 0], false],
] as const)("%j against 3.220.0: %j", (version, expected) => {
  expect(isAtLeast(version, [3, 220, 0])).toBe(expected);
});

test("is written as it is read", () => {
  expect(formatVersion([3, 230, 0])).toBe("3.230.0");
});
