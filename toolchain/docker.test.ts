import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { daemonArguments, instructions, isStalePidFile } from "./docker.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-docker-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("a pid file is stale when its process is gone or is another program by now", () => {
  const file = join(folder, "docker.pid");
  mkdirSync(join(folder, "7"));
  writeFileSync(join(folder, "7/comm"), "dockerd\n");
  mkdirSync(join(folder, "8"));
  writeFileSync(join(folder, "8/comm"), "postgres\n");
  const stale = (pid: string) => {
    writeFileSync(file, pid);
    return isStalePidFile(file, "dockerd", folder);
  };
  expect([stale("7\n"), stale("8"), stale("9")]).toEqual([false, true, true]);
  expect(isStalePidFile(join(folder, "none"), "dockerd", folder)).toBe(false);
});

test("an engine that make starts lets go what builds leave, and one whose owner has settings is as they say", () => {
  const settings = join(folder, "daemon.json");
  const [option, path = ""] = daemonArguments({ state: folder }, settings);
  expect(option).toBe("--config-file");
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
    builder: { gc: { enabled: true, defaultKeepStorage: "10GB" } },
  });
  writeFileSync(settings, "{}");
  expect(daemonArguments({ state: folder }, settings)).toEqual([]);
});

test("says line by line what to run without root", () => {
  expect(instructions("install").split("\n")).toContain("  sudo apt-get install --yes docker.io iptables");
  expect(instructions("start")).not.toContain("apt-get");
  for (const todo of ["install", "start"] as const)
    expect(instructions(todo)).toMatch(/dockerd|docker\n[\s\S]*make up$/);
});
