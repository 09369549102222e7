import { expect, test } from "vitest";
import { checkStackName, formatUsage, refuseForeignSystems } from "./main.ts";

test("Windows and others are refused with the way out", () => {
  refuseForeignSystems("linux");
  expect(() => {
    refuseForeignSystems("win32");
  }).toThrow("WSL 2");
  expect(() => {
    refuseForeignSystems("darwin");
  }).toThrow("this is darwin");
});

test.each(["dev", "e2e-1", "a.b_C"])("%s is a stack's name", (name) => {
  expect(checkStackName(name)).toBe(name);
});

test.each(["", "a b", "../x", "org/dev", "x".repeat(101)])("%j is none", (name) => {
  expect(() => checkStackName(name)).toThrow("allowed are");
});

test("usage lists options and examples, and leaves out what is empty", () => {
  const usage = formatUsage({ command: "make x", summary: "does x.", options: [], examples: ["make x"] });
  expect(usage).toBe("make x: does x.\n\nExamples\n  make x\n");
});

test("usage has exit codes where there are more than the usual", () => {
  const usage = formatUsage({ command: "make x", summary: "does x.", options: [], examples: [], exitCodes: ["3  no"] });
  expect(usage).toBe("make x: does x.\n\nExit codes\n  3  no\n");
});
