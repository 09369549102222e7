import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findOrphans } from "./orphans.ts";

let processes: string;
beforeEach(() => {
  processes = mkdtempSync(join(tmpdir(), "slipway-proc-"));
});
afterEach(() => {
  rmSync(processes, { recursive: true });
});

function running(pid: number, parent: number, program: string): void {
  const folder = join(processes, String(pid));
  mkdirSync(folder);
  const name = program.slice(program.lastIndexOf("/") + 1);
  writeFileSync(join(folder, "comm"), `${name.slice(0, 15)}\n`);
  writeFileSync(join(folder, "stat"), `${pid} (odd ) name) S ${parent} 1 1 0`);
  symlinkSync(program, join(folder, "exe"));
}

test("plugins of ours without their engine are found, and no others", () => {
  running(1, 0, "/sbin/init");
  running(2, 1, "/cache/pulumi-set-1/bin/pulumi");
  running(3, 2, "/cache/pulumi-resource-docker-1/bin/pulumi-resource-docker");
  running(4, 1, "/cache/pulumi-resource-docker-1/bin/pulumi-resource-docker");
  running(5, 1, "/usr/bin/pulumi-resource-docker");
  running(6, 1, "/cache-of-others/bin/pulumi-resource-random");
  mkdirSync(join(processes, "7"));
  mkdirSync(join(processes, "self"));
  expect(findOrphans(["/cache"], processes)).toEqual([4]);
});
