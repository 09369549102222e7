import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runCommand, UserError } from "../command.ts";
import { installPackages, isRoot } from "../debian.ts";
import type { Folders } from "../folders.ts";
import { buildGoProgram, findGo, goMissing, type GoProgramName } from "../go.ts";
import type { Report } from "../steps.ts";
import { clusterOf, type Cluster } from "./access.ts";
import { addOns, startAddOns } from "./add-ons.ts";
import { ensureCertificates } from "./certificates.ts";
import { components, DEBIAN_PROGRAMS, PAUSE_IMAGE, type Programs } from "./components.ts";
import { findDaemon, startDaemon, stopDaemon, type Daemon } from "./daemon.ts";
import { ctr, ensureImage } from "./images.ts";
import { layoutOf, NODE, type Layout } from "./layout.ts";
import { ensureNetwork, removeNetwork } from "./network.ts";
import { ensureStorage } from "./storage.ts";

/** Seconds until the node must say that it is ready. */
const NODE_SECONDS = 90;

/**
 * Builds the programs of a cluster, or takes those that were built before.
 *
 * @throws UserError where there is no Go compiler
 */
export async function buildPrograms(folders: Folders, report: Report): Promise<Programs> {
  const go = await findGo();
  if (!go) throw goMissing("Kubernetes");
  // One after another: each fills the processors.
  const make = (name: GoProgramName) => buildGoProgram(name, folders, go, report);
  return {
    pause: await make("pause"),
    coredns: await make("coredns"),
    kubernetes: await make("kubernetes"),
    kwok: await make("kwok"),
    "metrics-server": await make("metrics-server"),
    keda: await make("keda"),
  };
}

/** Debian's packages that a cluster needs and this machine lacks. */
export function missingPackages(): string[] {
  const missing = Object.values(DEBIAN_PROGRAMS).filter(({ path }) => !existsSync(path));
  return [...new Set(missing.map((one) => one.package))];
}

/**
 * Brings up a Kubernetes cluster of one node on this machine. What runs already is left alone.
 *
 * @throws UserError without root, or with the end of the log of the part that does not start
 */
export async function startCluster(folders: Folders, programs: Programs, report: Report): Promise<Cluster> {
  if (!isRoot())
    throw new UserError("A cluster makes network bridges and namespaces; only root may. Run: sudo make cluster");
  const packages = missingPackages();
  if (packages.length > 0) await installPackages(packages, report, { startsDaemons: false });
  const layout = layoutOf(folders);
  await ensureCertificates(layout);
  await ensureNetwork(layout);
  for (const daemon of components(layout, programs)) {
    report(daemon.name);
    await startDaemon(layout.run, daemon);
    if (daemon.name === "containerd") await ensureImage(layout, PAUSE_IMAGE, join(programs.pause, "pause"));
  }
  const cluster = clusterOf(layout, programs);
  report("waiting for the node");
  const wait = ["wait", `node/${NODE}`, `--timeout=${NODE_SECONDS}s`];
  await cluster.kubectl(...wait, "--for=create");
  await cluster.kubectl(...wait, "--for=condition=Ready");
  await ensureStorage(cluster);
  report("what runs beside it");
  await startAddOns(cluster, programs);
  return cluster;
}

/** The programs of the cluster in the order of their start, and then those beside it. */
function allDaemons(layout: Layout, programs: Programs): Daemon[] {
  return [...components(layout, programs), ...addOns(layout, programs).flatMap(({ daemons }) => daemons)];
}

/** The cluster, where all of its parts run. */
export function findCluster(folders: Folders, programs: Programs): Cluster | undefined {
  const layout = layoutOf(folders);
  const runs = allDaemons(layout, programs).every((daemon) => findDaemon(layout.run, daemon) !== undefined);
  return runs ? clusterOf(layout, programs) : undefined;
}

/**
 * Ends the cluster and everything in it.
 *
 * @returns whether there was one
 */
export async function stopCluster(folders: Folders, programs: Programs, report: Report): Promise<boolean> {
  const layout = layoutOf(folders);
  const daemons = allDaemons(layout, programs).reverse();
  // The kubelet first: else it would start again what is ended here.
  const found = await stopDaemon(layout.run, { name: "kubelet", program: "kubelet" });
  report("ending pods");
  if (findDaemon(layout.run, { name: "containerd", program: DEBIAN_PROGRAMS.containerd.path }) !== undefined)
    await endPods(layout);
  for (const daemon of daemons) {
    report(daemon.name);
    await stopDaemon(layout.run, daemon);
  }
  endShims(layout);
  await unmountBelow(layout.folder);
  await runCommand(join(programs.kubernetes, "kube-proxy"), ["--cleanup"]).catch(() => undefined);
  await removeNetwork();
  rmSync(layout.folder, { recursive: true, force: true });
  return found;
}

/** At once: nothing of them is kept. */
async function endPods(layout: Layout): Promise<void> {
  const tasks = (await ctr(layout, "tasks", "list", "--quiet")).split("\n").filter((id) => id !== "");
  for (const id of tasks) await ctr(layout, "tasks", "delete", "--force", id).catch(() => undefined);
}

/** Each pod has a process of containerd's beside it, which outlives containerd; those of this cluster name its socket. */
function endShims({ socket }: Layout): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const [program = "", ...args] = commandOf(pid);
    if (program.includes("containerd-shim") && args.includes(socket)) process.kill(Number(pid), "SIGKILL");
  }
}

function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // It ended meanwhile.
  }
}

/** Secrets of pods are file systems in memory, and would keep their folders. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounts.reverse()) await runCommand("umount", ["--lazy", path]).catch(() => undefined);
}
