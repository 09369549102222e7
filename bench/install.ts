import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { runCommand } from "../toolchain/command.ts";
import { findFolders, ROOT } from "../toolchain/folders.ts";
import { pythonEnvironment } from "../toolchain/python.ts";
import type { Steps } from "../toolchain/steps.ts";

/** Folder of the benchmarks. */
export const BENCH = join(ROOT, "bench");

const MODULES = join(BENCH, "node_modules");
const REQUIREMENTS = join(BENCH, "requirements.txt");

/** What the systems of others are run with. */
export interface Peers {
  /** Python of an environment that has the packages of requirements.txt. */
  readonly python: string;
  /** The load generator's program, for Node. */
  readonly autocannon: string;
  /** Versions by package. */
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Brings the packages of bench/package-lock.json and bench/requirements.txt; does nothing where they are there.
 *
 * @throws UserError where there is no Python with venv; CommandError where npm or pip fails
 */
export async function bringPeers(steps: Steps): Promise<Peers> {
  await bringNodePeers(steps);
  const { python } = await steps.run("Python peers", () =>
    pythonEnvironment(findFolders(), "python-bench", REQUIREMENTS),
  );
  return {
    python,
    autocannon: join(MODULES, "autocannon", "autocannon.js"),
    versions: { ...nodeVersions(), ...pythonVersions() },
  };
}

async function bringNodePeers(steps: Steps): Promise<void> {
  const stamp = join(MODULES, ".slipway-lock");
  const lock = readFileSync(join(BENCH, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await steps.run("Node peers", () => runCommand("npm", ["ci", ...options], { cwd: BENCH }));
  writeFileSync(stamp, wanted);
}

const NODE_PEERS = ["pg-boss", "graphile-worker", "autocannon"] as const;
const PYTHON_PEERS = ["celery", "redis", "fastapi", "uvicorn", "SQLAlchemy", "asyncpg"] as const;

function nodeVersions(): Record<string, string> {
  const folders = [...NODE_PEERS.map((name) => join(MODULES, name)), join(ROOT, "node_modules", "bullmq")];
  return Object.fromEntries(folders.map((folder) => [basename(folder), versionIn(folder)]));
}

function versionIn(folder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return manifest instanceof Object && "version" in manifest ? String(manifest.version) : "unknown";
}

/** The environment holds exactly what the file pins. */
function pythonVersions(): Record<string, string> {
  const pinned = readFileSync(REQUIREMENTS, "utf8").split("\n");
  return Object.fromEntries(
    PYTHON_PEERS.map((name) => [
      `${name} (Python)`,
      pinned.find((line) => line.startsWith(`${name}==`))?.split("==")[1] ?? "unknown",
    ]),
  );
}
