import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { judgeLocks, readLocks, thisMachine, type Lock } from "./lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-lock-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const lock = (pid: number, host = "here"): Lock => ({
  pid,
  username: "me",
  hostname: host,
  timestamp: "2026-11-23T02:00:00Z",
});
const machine = { hostname: "here", isPulumi: (pid: number) => pid === 7 };

test("no lock is free", () => {
  expect(judgeLocks([], machine)).toEqual({ kind: "free" });
});

test("a lock whose process is gone is stale", () => {
  expect(judgeLocks([lock(8), lock(9)], machine)).toEqual({ kind: "stale" });
});

test("one living owner among dead ones holds the stack", () => {
  expect(judgeLocks([lock(8), lock(7)], machine)).toEqual({ kind: "held", by: lock(7) });
});

test("a lock of another machine is held, whatever its process is called here", () => {
  expect(judgeLocks([lock(8, "there")], machine)).toEqual({ kind: "held", by: lock(8, "there") });
});

test("reads Pulumi's locks of one stack and passes over what is half written", () => {
  const locks = join(folder, ".pulumi/locks/organization/slipway/dev");
  mkdirSync(locks, { recursive: true });
  writeFileSync(join(locks, "a.json"), JSON.stringify({ ...lock(8), more: 1 }));
  writeFileSync(join(locks, "a.json.attrs"), "{}");
  writeFileSync(join(locks, "b.json"), '{"pid":');
  const folders = { root: "", cache: "", config: "", state: folder };
  expect(readLocks(folders, "slipway", "dev")).toEqual([lock(8)]);
  expect(readLocks(folders, "slipway", "prod")).toEqual([]);
});

test("knows a process by what it is, not by its number alone", () => {
  mkdirSync(join(folder, "12"));
  mkdirSync(join(folder, "13"));
  writeFileSync(join(folder, "12/comm"), "pulumi\n");
  writeFileSync(join(folder, "13/comm"), "bash\n");
  const { isPulumi, hostname: name } = thisMachine(folder);
  expect([12, 13, 14].map(isPulumi)).toEqual([true, false, false]);
  expect(name).toBe(hostname());
});
