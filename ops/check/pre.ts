import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import type { ListResult } from "../../backup/protocol.ts";
import { healthSettings } from "../../configs/health-settings.ts";
import { parseStackConfig, StackConfigError, type RawConfig } from "../../configs/stack.ts";
import { UserError } from "../../toolchain/command.ts";
import { connect, findEngine } from "../../toolchain/engine.ts";
import { judgeLocks, readLocks } from "../../toolchain/lock.ts";
import { LOWEST_ENGINE } from "../../toolchain/pulumi.ts";
import { checkDisk, checkPort } from "../../toolchain/room.ts";
import type { ListenAddress } from "../../toolchain/stack-settings.ts";
import { PROJECT } from "../../toolchain/stack.ts";
import { formatVersion, isAtLeast, parseVersion, type Version } from "../../toolchain/version.ts";
import type { Folders } from "../../toolchain/folders.ts";
import { judgeBackups } from "../health/backups.ts";
import { bad, good, unknown, warning, type Look } from "../health/finding.ts";

/** What `pulumi config --json --show-secrets` says. */
const configSchema = z.record(z.string(), z.looseObject({ value: z.string(), secret: z.boolean().default(false) }));

/** A stack's file as the program will read it. @param said by Pulumi, secrets opened */
export function judgeFile(stack: string, said: string): Look {
  const config = configSchema.parse(JSON.parse(said));
  const own = Object.entries(config).filter(([key]) => key.startsWith(`${PROJECT}:`));
  const keyed = own.map(([key, { value, secret }]) => [key.slice(PROJECT.length + 1), value, secret] as const);
  const secrets = new Set(keyed.flatMap(([key, , isSecret]) => (isSecret ? [key] : [])));
  const raw: RawConfig = {
    values: Object.fromEntries(keyed.map(([key, value]) => [key, value])),
    isSecret: (key) => secrets.has(key),
  };
  try {
    const { platform, environment } = parseStackConfig(stack, raw);
    return good(`${platform}, ${environment}; ${secrets.size} secrets of its own open`);
  } catch (error) {
    if (!(error instanceof StackConfigError)) throw error;
    return bad(error.message, `Mend Pulumi.${stack}.yaml.`);
  }
}

/** The oldest Node that strips types by itself. */
const LOWEST_NODE: Version = [22, 18, 0];

/** @param engine what `pulumi version` says @param docker its server's version, where there is one */
export function judgeVersions(node: string, engine: string): Look {
  const faults = [
    ["Node", node, LOWEST_NODE],
    ["Pulumi", engine, LOWEST_ENGINE],
  ].flatMap(([name, text, lowest]) => {
    const version = parseVersion(String(text));
    return version && isAtLeast(version, lowest as Version)
      ? []
      : [`${String(name)} is ${String(text)}, must be ${formatVersion(lowest as Version)} or newer`];
  });
  return faults.length === 0
    ? good(`Node ${node}, Pulumi ${engine}`)
    : bad(faults.join("; "), "`make up` brings both: sh toolchain/start.sh");
}

/** The engine, the room on its disk, and the port that the edge wants. */
export async function lookAtEngine(edge: ListenAddress | undefined): Promise<Look> {
  const search = await findEngine();
  if (!("found" in search)) return bad("no Docker engine answers", "Start it, or let `make up` do so.");
  const docker = connect(search.found.host);
  const { Version: version } = await docker.version();
  const { DockerRootDir: folder } = (await docker.info()) as { DockerRootDir?: string };
  try {
    // An engine elsewhere has its disk elsewhere.
    if (folder !== undefined && search.found.host.startsWith("unix://") && existsSync(dirname(folder)))
      checkDisk(existsSync(folder) ? folder : dirname(folder), DISK_GIB);
    if (edge) await checkPort(edge);
  } catch (error) {
    if (error instanceof UserError) return bad(error.message, "It says how.");
    throw error;
  }
  const port = edge === undefined ? "its own edge listens" : `${edge.address}:${edge.port} is free`;
  return good(`Docker ${version}; room on its disk; ${port}`);
}

/** GiB that images and their layers take while they are built; toolchain/room.ts has measured less than half. */
const DISK_GIB = 4;

/** Nobody else deploys. */
export function lookAtLock(stack: string, folders: Folders): Look {
  const verdict = judgeLocks(readLocks(folders, PROJECT, stack));
  switch (verdict.kind) {
    case "free":
      return good("nobody else deploys");
    case "stale":
      return good("a deploy was killed; the next one heals that");
    case "held":
      return warning(`process ${verdict.by.pid} on ${verdict.by.hostname} deploys`, "Wait for it; `make up` does.");
  }
}

/** The passphrase that opens the stack's secrets. */
export function lookAtPassphrase(path: string): Look {
  if (!existsSync(path))
    return bad("the passphrase's file is missing", "Bring back its copy: without it no secret of the stack opens.");
  return readFileSync(path, "utf8").trim() === ""
    ? bad("the passphrase's file is empty", "Bring back its copy: without it no secret of the stack opens.")
    : good("there; keep a copy elsewhere");
}

/** Before something is changed there should be a way back. */
export function judgeWayBack(stack: string, list: ListResult | undefined): Look {
  if (list === undefined)
    return unknown(
      "no agent answers",
      `Is it up? ./slipway status --stack ${stack}. On a first deploy there is nothing to lose.`,
    );
  return judgeBackups(list, { stack, now: new Date(), settings: healthSettings(undefined) });
}
