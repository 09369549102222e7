import fc from "fast-check";
import { expect, it } from "vitest";
import { findUnstorable } from "./storable.ts";

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
