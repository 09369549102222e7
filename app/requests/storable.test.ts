import fc from "fast-check";
import { expect, it } from "vitest";
import { findUnstorable, isNestedDeeper, isTextNestedDeeper } from "./storable.ts";

it("passes everything that is well-formed", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
      expect(findUnstorable(value)).toBeUndefined();
    }),
  );
});

it.each([["a\0"], [["\ud800"]], [{ a: { b: ["x", "\udfff"] } }], [{ "\0": 1 }]])("finds what is not in %j", (value) => {
  expect(findUnstorable(value)).toMatch(/cannot be kept/);
});

it("does not stop at an empty place", () => {
  expect(findUnstorable([undefined, null, 0, "\0"])).toContain("U+0000");
});

it("finds in a text the depth that its value has, whatever its strings hold", () => {
  const strings = fc.string({ unit: fc.constantFrom("[", "]", "{", "}", '"', "\\", "a", "é") });
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      strings,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(strings, tie("value"), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(value, fc.integer({ min: 0, max: 7 }), (json, levels) => {
      expect(isTextNestedDeeper(Buffer.from(JSON.stringify(json)), levels)).toBe(isNestedDeeper(json, levels));
    }),
    { numRuns: 1000 },
  );
});

it("does not run behind the end of a text that is no JSON", () => {
  for (const text of ['"', '["\\"', "]]]", '"a\\\\"[', ""])
    expect(isTextNestedDeeper(Buffer.from(text), 3)).toBe(false);
});
