import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataChanges } from "../infra/plan/data-changes.ts";
import { allowedData } from "./allowed-data.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "slipway-allowed-"));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const file = (more: string) => {
  writeFileSync(join(root, "Pulumi.a.yaml"), `config:\n  slipway:platform: docker\n${more}`);
};
const NAMED = "  slipway:allowReplace: [backups, objects]\n";

test("what may go is what the command, the environment and the stack's file name, each once", () => {
  file(NAMED);
  const env = { SLIPWAY_ALLOW_REPLACE: "postgres, objects" };
  expect(allowedData("a", { root }, ["redis", "postgres"], env)).toEqual(["redis", "postgres", "objects", "backups"]);
});

test("each of the three is enough for the guard, and nothing is where none names it", () => {
  const steps = [{ op: "delete", urn: "urn:pulumi:a::slipway::docker:index/volume:Volume::backups" }];
  const lost = (asked: readonly string[], text = "", more = "") => {
    file(more);
    return dataChanges(steps, allowedData("a", { root }, asked, { SLIPWAY_ALLOW_REPLACE: text })).length;
  };
  expect(lost([])).toBe(1);
  expect([lost(["backups"]), lost([], "backups"), lost([], "", NAMED)]).toEqual([0, 0, 0]);
});

test("a file with faults names nothing here; the program lists them", () => {
  file("  slipway:allowReplace: backups\n");
  expect(allowedData("a", { root }, ["redis"], {})).toEqual(["redis"]);
});
