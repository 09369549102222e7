import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand, UserError } from "../toolchain/command.ts";
import { ROOT } from "../toolchain/folders.ts";
import type { Steps } from "../toolchain/steps.ts";

/** Folder of the benchmarks. */
export const BENCH = join(ROOT, "bench");

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
 * @throws UserError where this machine has no npm, or no Python with venv
 */
export async function bringPeers(steps: Steps): Promise<Peers> {
  const modules = join(BENCH, "node_modules");
  const environment = join(ROOT, "dist", "bench", "python");
  await once(steps, "Node peers", join(modules, ".slipway-lock"), "package-lock.json", () => installNode());
  await once(steps, "Python peers", join(environment, ".slipway-lock"), "requirements.txt", () =>
    installPython(environment),
  );
  return {
    python: join(environment, "bin", "python"),
    autocannon: join(modules, "autocannon", "autocannon.js"),
    versions: { ...nodeVersions(modules), ...pythonVersions() },
  };
}

async function once(steps: Steps, title: string, stamp: string, source: string, work: () => Promise<unknown>) {
  const wanted = createHash("sha256")
    .update(readFileSync(join(BENCH, source)))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  await steps.run(title, work);
  writeFileSync(stamp, wanted);
}

async function installNode(): Promise<void> {
  await runCommand("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: BENCH });
}

async function installPython(environment: string): Promise<void> {
  rmSync(environment, { recursive: true, force: true });
  mkdirSync(join(environment, ".."), { recursive: true });
  try {
    await runCommand("python3", ["-m", "venv", environment]);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `Celery and FastAPI need Python 3.11 or newer with venv: apt-get install python3-venv\n${reason}`,
    );
  }
  const requirements = join(BENCH, "requirements.txt");
  await runCommand(join(environment, "bin", "pip"), ["install", "--quiet", "--no-deps", "-r", requirements]);
}

const NODE_PEERS = ["pg-boss", "graphile-worker", "autocannon"] as const;
const PYTHON_PEERS = ["celery", "redis", "fastapi", "uvicorn", "SQLAlchemy", "asyncpg"] as const;

function nodeVersions(modules: string): Record<string, string> {
  const folders = { ...Object.fromEntries(NODE_PEERS.map((name) => [name, modules])), bullmq: `${ROOT}/node_modules` };
  return Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, versionIn(join(folder, name))]));
}

function versionIn(folder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return manifest instanceof Object && "version" in manifest ? String(manifest.version) : "unknown";
}

/** The environment holds exactly what the file pins. */
function pythonVersions(): Record<string, string> {
  const pinned = readFileSync(join(BENCH, "requirements.txt"), "utf8").split("\n");
  return Object.fromEntries(
    PYTHON_PEERS.map((name) => [
      name,
      pinned.find((line) => line.startsWith(`${name}==`))?.split("==")[1] ?? "unknown",
    ]),
  );
}
