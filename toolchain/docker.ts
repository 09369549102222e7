import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { confirm, type Ask } from "./ask.ts";
import { lastLines, runCommand, UserError } from "./command.ts";
import { installPackages, isRoot } from "./debian.ts";
import { DEFAULT_HOST, findEngine, pingEngine, type EngineAddress } from "./engine.ts";
import type { Folders } from "./folders.ts";
import type { Report } from "./steps.ts";

/** Debian's packages of an engine. */
const PACKAGES = ["docker.io", "iptables"] as const;

/** Where dockerd and the containerd that it starts write their process ids. */
const PID_FILES = [
  { path: "/var/run/docker.pid", program: "dockerd" },
  { path: "/var/run/docker/containerd/containerd.pid", program: "containerd" },
] as const;

/** Seconds that a fresh engine may take to answer. */
const START_SECONDS = 60;

/** What there is to do until an engine answers. */
export type EnginePlan = { readonly found: EngineAddress } | { readonly todo: "start" | "install" };

/**
 * Looks for an engine; where there is none, asks whether one may be started or installed.
 *
 * @throws UserError saying what to run: no permission, an engine that DOCKER_HOST names is silent, no root, a no
 */
export async function planEngine(ask: Ask): Promise<EnginePlan> {
  const search = await findEngine();
  if ("found" in search) return search;
  if ("denied" in search) {
    throw new UserError(
      `${search.denied} is there, but this user may not use it. Run:\n  sudo usermod -aG docker "$USER"\nthen log in again (or: newgrp docker).`,
    );
  }
  if ("silent" in search) {
    throw new UserError(
      `DOCKER_HOST is ${search.silent}, and nothing answers there. Start that engine, or: unset DOCKER_HOST`,
    );
  }
  const todo = (await isOnPath("dockerd")) ? "start" : "install";
  if (!isRoot()) throw new UserError(`No Docker engine answers, and only root can ${todo} one. ${instructions(todo)}`);
  const question =
    todo === "start"
      ? "No Docker engine answers. Start dockerd?"
      : `There is no Docker engine. Install Debian's ${PACKAGES.join(" and ")} and start it?`;
  await confirm(question, ask, `Without a Docker engine nothing can run. ${instructions(todo)}`);
  return { todo };
}

/** Exactly what to run by hand. */
export function instructions(todo: "start" | "install"): string {
  const start = hasSystemd()
    ? "  sudo systemctl enable --now docker"
    : "  sudo setsid dockerd > /tmp/dockerd.log 2>&1 &";
  const install = `  sudo apt-get update\n  sudo apt-get install --yes ${PACKAGES.join(" ")}\n`;
  return `Run:\n${todo === "install" ? install : ""}${start}\n  sudo usermod -aG docker "$USER"   # then log in again\n  make up`;
}

/** Brings the engine up as planned. It goes on running when this process ends. */
export async function startEngine(plan: EnginePlan, folders: Folders, report: Report): Promise<EngineAddress> {
  if ("found" in plan) return plan.found;
  if (plan.todo === "install") {
    report("installing");
    await installPackages(PACKAGES, report);
  }
  report("starting dockerd");
  // Installing may have started it.
  if ((await pingEngine(DEFAULT_HOST)) !== "answers") {
    if (hasSystemd()) await runCommand("systemctl", ["start", "docker"]);
    else await startDaemon(folders);
  }
  return { host: DEFAULT_HOST, isDefault: true };
}

/** Where an engine's settings are, which are its owner's to make. */
const SETTINGS = "/etc/docker/daemon.json";

/** What builds leave is let go beyond this: by itself an engine of before 23.0 keeps all of it, and fills the disk. */
const BUILD_CACHE = "10GB";

/** @param settings of the engine's owner, where there are any; default: {@link SETTINGS} */
export function daemonArguments({ state }: Pick<Folders, "state">, settings = SETTINGS): string[] {
  if (existsSync(settings)) return [];
  const path = join(state, "dockerd.json");
  writeFileSync(path, JSON.stringify({ builder: { gc: { enabled: true, defaultKeepStorage: BUILD_CACHE } } }));
  return ["--config-file", path];
}

async function startDaemon(folders: Folders): Promise<void> {
  for (const { path, program } of PID_FILES) if (isStalePidFile(path, program)) rmSync(path, { force: true });
  mkdirSync(folders.state, { recursive: true });
  const log = join(folders.state, "dockerd.log");
  const output = openSync(log, "w");
  // A session of its own: it outlives make, its terminal and ^C.
  const daemon = spawn("dockerd", daemonArguments(folders), {
    detached: true,
    cwd: "/",
    stdio: ["ignore", output, output],
  });
  let ended: string | undefined;
  daemon.once("error", (error) => (ended = error.message));
  daemon.once("exit", (code) => (ended = `exit code ${code ?? "none"}`));
  daemon.unref();
  if (daemon.pid !== undefined) writeFileSync(join(folders.state, "dockerd.pid"), `${daemon.pid}\n`);
  const until = Date.now() + START_SECONDS * 1000;
  while (Date.now() < until && ended === undefined) {
    if ((await pingEngine(DEFAULT_HOST)) === "answers") return;
    await sleep(200);
  }
  // Another run may have been faster: one dockerd ends where there is one already.
  if ((await pingEngine(DEFAULT_HOST)) === "answers") return;
  const how = ended === undefined ? `did not answer within ${START_SECONDS} s` : `ended: ${ended}`;
  throw new UserError(`dockerd ${how}. The end of its log, ${log}:\n${lastLines(readFileSync(log, "utf8"), 15)}`);
}

/**
 * Whether a pid file names a process that is gone, or that is another program by now: dockerd refuses to start beside
 * such a file.
 *
 * @param processes where the kernel tells of processes; default: `/proc`
 */
export function isStalePidFile(path: string, program: string, processes = "/proc"): boolean {
  if (!existsSync(path)) return false;
  const name = join(processes, readFileSync(path, "utf8").trim(), "comm");
  return !existsSync(name) || readFileSync(name, "utf8").trim() !== program;
}

function hasSystemd(): boolean {
  return existsSync("/run/systemd/system");
}

async function isOnPath(program: string): Promise<boolean> {
  return runCommand("sh", ["-c", `command -v ${program}`]).then(
    () => true,
    () => false,
  );
}
