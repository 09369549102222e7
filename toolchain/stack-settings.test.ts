import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isOurNode } from "./platforms/kubernetes.ts";
import { readStackSettings } from "./stack-settings.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "slipway-settings-"));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(lines: string): void {
  writeFileSync(join(root, "Pulumi.a.yaml"), `config:\n${lines}`);
}

test("reads where the edge listens, with the defaults of the stack's schema", () => {
  const edge = (yaml: string) => {
    write(`  slipway:platform: docker\n${yaml}`);
    return readStackSettings("a", root)?.edge;
  };
  expect(edge("  slipway:edge: { port: 81 }\n")).toEqual({ address: "127.0.0.1", port: 81 });
  expect(edge("")).toEqual({ address: "127.0.0.1", port: 8080 });
  expect(edge("  slipway:edge: { port: many }\n")).toBeUndefined();
});

test("leaves a file with faults to the program, and names one that is missing", () => {
  write("  slipway:platform: abacus\n");
  expect(readStackSettings("a", root)).toBeUndefined();
  expect(() => readStackSettings("b", root)).toThrow("Pulumi.b.yaml is missing");
});

test.each([
  ["", false],
  ["  slipway:kubernetes: { importedImages: true }\n", true],
  ["  slipway:kubernetes: { importedImages: true, context: theirs }\n", false],
  ["  slipway:kubernetes: { importedImages: true, kubeconfig: /theirs }\n", false],
  ["  slipway:kubernetes: { importedImages: true }\n  slipway:kubeconfig:\n    secure: v1:abc\n", false],
])("takes a stack with %j for one on our node: %s", (yaml, isOurs) => {
  write(`  slipway:platform: kubernetes\n${yaml}`);
  expect(isOurNode("a", { root })).toBe(isOurs);
});
