import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { dataSchema } from "../configs/stack-backup.ts";
import { afterChange, generationFor, previous, readGenerations, switchTo, type Generations } from "./generations.ts";

const NAMES = ["first", "20261129t023000", "20261129t023000b", "a", "b-1"] as const;

/** Whatever a stack's file may say. */
const generations = fc
  .uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 })
  .map(([current = "first", ...kept]): Generations => ({ current, kept }));

test("a switch keeps every generation, has the one before as the last, and leaves a file that is taken", () => {
  fc.assert(
    fc.property(generations, fc.constantFrom(...NAMES), (from, to) => {
      fc.pre(to !== from.current);
      const after = afterChange(from, switchTo(from, to));
      expect(after.current).toBe(to);
      expect(after.kept.at(-1)).toBe(from.current);
      expect(new Set([after.current, ...after.kept])).toEqual(new Set([from.current, ...from.kept, to]));
      expect(dataSchema.parse({ generation: after.current, kept: after.kept })).toBeDefined();
    }),
  );
});

test("a switch and back is where it began, but for the order of others", () => {
  fc.assert(
    fc.property(generations, fc.constantFrom(...NAMES), (from, to) => {
      fc.pre(to !== from.current);
      const there = afterChange(from, switchTo(from, to));
      expect(previous(there)).toBe(from.current);
      expect(afterChange(there, switchTo(there, previous(there))).current).toBe(from.current);
    }),
  );
});

test("what a switch writes", () => {
  expect(switchTo({ current: "first", kept: [] }, "g")).toEqual({ "data.generation": "g", "data.kept[0]": "first" });
  expect(switchTo({ current: "g", kept: ["first", "h"] }, "first")).toEqual({
    "data.generation": "first",
    "data.kept[0]": "h",
    "data.kept[1]": "g",
  });
});

test("more than can be kept is refused before anything is written", () => {
  const kept = Array.from({ length: 16 }, (_, n) => `g${n}`);
  expect(() => switchTo({ current: "first", kept }, "new")).toThrow("./slipway restore --forget g0");
  expect(switchTo({ current: "first", kept }, "g3")).toMatchObject({ "data.generation": "g3" });
});

test("back goes to a kept one alone, and says which there are", () => {
  expect(previous({ current: "b", kept: ["first", "a"] })).toBe("a");
  expect(previous({ current: "b", kept: ["first", "a"] }, "first")).toBe("first");
  expect(() => previous({ current: "first", kept: [] })).toThrow("first is the only one");
  expect(() => previous({ current: "b", kept: ["first"] }, "c")).toThrow("kept are first, and b serves");
});

test("the name of a new generation is that of the moment, the same as long as it is free, and one that is taken", () => {
  const target = "2026-11-29T02:30:00.123Z";
  expect(generationFor(target, { current: "first", kept: [] })).toBe("20261129t023000");
  expect(generationFor(target, { current: "20261129t023000", kept: ["first"] })).toBe("20261129t023000b");
  fc.assert(
    fc.property(fc.date({ min: new Date("2020-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }), (date) => {
      const generation = generationFor(date.toISOString(), { current: "first", kept: [] });
      expect(dataSchema.safeParse({ generation, kept: ["first"] }).success).toBe(true);
    }),
  );
});

test("a stack's file is read, with what it leaves out, and its faults are said", () => {
  const root = mkdtempSync(join(tmpdir(), "slipway-generations-"));
  const folders = { root, state: "", cache: "", config: "" };
  const write = (text: string) => {
    writeFileSync(join(root, "Pulumi.x.yaml"), `config:\n  slipway:platform: docker\n${text}`);
  };
  try {
    write("");
    expect(readGenerations("x", folders)).toEqual({ current: "first", kept: [] });
    write("  slipway:data:\n    generation: g1\n    kept:\n      - first\n");
    expect(readGenerations("x", folders)).toEqual({ current: "g1", kept: ["first"] });
    write("  slipway:data: { generation: G 1 }\n");
    expect(() => readGenerations("x", folders)).toThrow("Pulumi.x.yaml: slipway:data is not what it must be");
  } finally {
    rmSync(root, { recursive: true });
  }
});
