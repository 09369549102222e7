import fc from "fast-check";
import { expect, test } from "vitest";
import { differences, isSealed, pathSteps, SECRET, SIGNATURE, valueAt, writePath } from "./property-paths.ts";

test("paths are read as Pulumi writes them, and written so", () => {
  const path = 'spec.template.containers[0].labels["app.kubernetes.io/name"]';
  expect(pathSteps(path)).toEqual(["spec", "template", "containers", 0, "labels", "app.kubernetes.io/name"]);
  expect(writePath(pathSteps(path))).toBe(path);
  const steps = fc.array(fc.oneof(fc.nat(99), fc.string({ minLength: 1 })), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(steps, (some) => {
      expect(pathSteps(writePath(some))).toEqual(some);
    }),
  );
});

test("what stands at a path is found, and nothing where nothing stands", () => {
  const value = { spec: { list: [{ a: 1 }], constructor: 2 } };
  expect(valueAt(value, "spec.list[0].a")).toBe(1);
  expect(valueAt(value, "spec.list[1].a")).toBeUndefined();
  expect(valueAt(value, "spec.toString")).toBeUndefined();
});

test("differences are told as deep as both have something, a secret as a whole", () => {
  const sealed = (text: string) => ({ [SIGNATURE]: SECRET, ciphertext: text });
  expect(isSealed(sealed("[secret]"))).toBe(true);
  expect(
    differences(
      { a: { b: 1, c: [1, 2], "x.y": true }, same: {}, s: sealed("one") },
      { a: { b: 2, c: [1], "x.y": false }, same: {}, s: sealed("two"), more: { d: 1 } },
    ),
  ).toEqual(["a.b", "a.c[1]", 'a["x.y"]', "s", "more"]);
  expect(differences({ s: sealed("[secret]") }, { s: sealed("[secret]") })).toEqual([]);
});

test("no value differs from itself", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(differences(value, structuredClone(value))).toEqual([]);
    }),
  );
});
