import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { until } from "../../test/servers/programs.ts";
import { isRoot } from "../debian.ts";
import { findDaemon, startDaemon, stopDaemon, type Daemon } from "./daemon.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-daemon-"));
});
afterEach(async () => {
  await stopDaemon(folder, sleeper());
  rmSync(folder, { recursive: true });
});

/** A program that says so when it is ready, and sleeps. */
function sleeper(script = 'echo ready > "$0/ready"; while :; do sleep 0.05; done'): Daemon {
  return {
    name: "sleeper",
    program: "/bin/bash",
    args: ["-c", script, folder],
    isReady: () => Promise.resolve(existsSync(join(folder, "ready"))),
    readySeconds: 2,
  };
}

it("starts a program once, finds it again, and ends it", async () => {
  await startDaemon(folder, sleeper());
  const pid = findDaemon(folder, sleeper());
  expect(pid).toBeGreaterThan(1);
  await startDaemon(folder, sleeper());
  expect(findDaemon(folder, sleeper())).toBe(pid);
  expect(await stopDaemon(folder, sleeper())).toBe(true);
  // It is ours here: it stays in the table until Node has collected it.
  await until("it is gone", () => !existsSync(`/proc/${pid}`));
  expect([findDaemon(folder, sleeper()), await stopDaemon(folder, sleeper())]).toEqual([undefined, false]);
});

it("takes no process for its own that is another program by now", async () => {
  writeFileSync(join(folder, "sleeper.pid"), `${process.pid}\n`);
  expect(findDaemon(folder, sleeper())).toBeUndefined();
  expect(await stopDaemon(folder, sleeper())).toBe(false);
});

it("says how one ended that does not become ready, with the end of its log", async () => {
  await expect(startDaemon(folder, sleeper("echo no such disk >&2; exit 3"))).rejects.toThrow(
    /^sleeper ended with 3\. The end of its log, .*sleeper\.log:\nno such disk$/,
  );
  await expect(startDaemon(folder, sleeper("exec sleep 60"))).rejects.toThrow("sleeper was not ready within 2 s");
  expect(readFileSync(join(folder, "sleeper.log"), "utf8")).toBe("no such disk\n");
  const pid = readFileSync(join(folder, "sleeper.pid"), "utf8").trim();
  await until("it is gone", () => !existsSync(`/proc/${pid}`));
});

it("says so where there is no such program", async () => {
  await expect(startDaemon(folder, { ...sleeper(), program: join(folder, "none") })).rejects.toThrow("ENOENT");
});

it.runIf(isRoot())("gives one a resolver of its own, and the machine keeps its own", async () => {
  const resolver = join(folder, "resolv.conf");
  const machine = readFileSync("/etc/resolv.conf", "utf8");
  const script = 'cat /etc/resolv.conf > "$0/draft"; mv "$0/draft" "$0/ready"; while :; do sleep 0.05; done';
  await startDaemon(folder, { ...sleeper(script), resolver, files: { [resolver]: "nameserver 10.231.0.1\n" } });
  expect(readFileSync(join(folder, "ready"), "utf8")).toBe("nameserver 10.231.0.1\n");
  expect(readFileSync("/etc/resolv.conf", "utf8")).toBe(machine);
  expect(await stopDaemon(folder, sleeper())).toBe(true);
});
