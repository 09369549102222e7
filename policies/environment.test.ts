import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { concerns, environmentOf, stackOf } from "./environment.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "slipway-policies-"));
});
afterAll(() => {
  rmSync(root, { recursive: true });
});

const write = (stack: string, text: string) => {
  writeFileSync(join(root, `Pulumi.${stack}.yaml`), text);
};

describe("the environment of a stack", () => {
  it("is what its file says", () => {
    write("dev", "config: { slipway:platform: docker, slipway:environment: dev }");
    write("prod", "config: { slipway:environment: prod }");
    write("gone", "config: { slipway:environment: prod, slipway:teardown: true }");
    expect(environmentOf("dev", root)).toEqual({ isProd: false, isTeardown: false });
    expect(environmentOf("prod", root)).toEqual({ isProd: true, isTeardown: false });
    expect(environmentOf("gone", root)).toEqual({ isProd: true, isTeardown: true });
  });

  it("is prod where nobody says so", () => {
    write("empty", "config: {}");
    write("no-map", "- 1");
    for (const stack of ["nowhere", "empty", "no-map"])
      expect(environmentOf(stack, root)).toEqual({ isProd: true, isTeardown: false });
  });

  it("is looked up by the stack in a URN", () => {
    expect(stackOf("urn:pulumi:dev::slipway::docker:index/volume:Volume::postgres")).toBe("dev");
    expect(stackOf("no urn")).toBe("");
  });
});

it("decides which rules hold: protections not while a stack is taken down", () => {
  const rule = { name: "some", description: "", mend: "" };
  const [dev, prod, gone] = [
    { isProd: false, isTeardown: false },
    { isProd: true, isTeardown: false },
    { isProd: true, isTeardown: true },
  ];
  expect([dev, prod, gone].map((one) => concerns(rule, one))).toEqual([true, true, true]);
  expect([dev, prod, gone].map((one) => concerns({ ...rule, of: "prod" }, one))).toEqual([false, true, true]);
  expect([dev, prod, gone].map((one) => concerns({ ...rule, of: "kept" }, one))).toEqual([false, true, false]);
});
