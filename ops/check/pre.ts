import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { messageOf } from "../../configs/message.ts";
import type { ListResult } from "../../backup/protocol.ts";
import { healthSettings } from "../../configs/health-settings.ts";
import { parseStackConfig, StackConfigError, type RawConfig } from "../../configs/stack.ts";
import { CommandError, lastLines } from "../../toolchain/command.ts";
import { DeployLock, type Holder } from "../../toolchain/deployment/deploy-lock.ts";
import { DeploymentsLog } from "../../toolchain/deployment/deployments-log.ts";
import { lookWithin, type Looked, type Within } from "../../toolchain/deployment/operate.ts";
import { connect, findEngine, type EngineSearch } from "../../toolchain/engine.ts";
import { BACKEND } from "../../toolchain/env.ts";
import { judgeLocks, readLocks } from "../../toolchain/lock.ts";
import { opens, passphrasePath } from "../../toolchain/passphrase.ts";
import { LOWEST_ENGINE } from "../../toolchain/pulumi.ts";
import { checkRoom, NoRoom } from "../../toolchain/room.ts";
import { stateSalt } from "../../toolchain/stack-file.ts";
import type { ListenAddress } from "../../toolchain/stack-settings.ts";
import { PROJECT, localStackNames } from "../../toolchain/stack.ts";
import { formatVersion, isAtLeast, parseVersion, type Version } from "../../toolchain/version.ts";
import type { Folders } from "../../toolchain/folders.ts";
import { SERVICE_LABEL, STACK_LABEL } from "../agent.ts";
import { judgeBackups } from "../health/backups.ts";
import { bad, good, unknown, worstOf, type Look } from "../health/finding.ts";
import { runningLooks } from "../pre-checks.ts";

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

/** The same by what Pulumi says, which may not come to it. */
export async function lookAtFile(stack: string, read: () => Promise<string>): Promise<Look> {
  try {
    return judgeFile(stack, await read());
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return bad(
      `Pulumi does not read it: ${lastLines(error.output, 3)}`,
      `Mend Pulumi.${stack}.yaml; is the passphrase the right one?`,
    );
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

/** What stands in the way of an engine, and the way out. */
function noEngine(search: Exclude<EngineSearch, { readonly found: unknown }>): Look {
  if ("denied" in search)
    return bad(
      `${search.denied} is there, but this user may not use it`,
      'sudo usermod -aG docker "$USER", and log in again',
    );
  return "silent" in search
    ? bad(`DOCKER_HOST is ${search.silent}, and nothing answers there`, "Start that engine, or: unset DOCKER_HOST")
    : bad("no Docker engine answers", "Start it, or let `make up` do so.");
}

/**
 * The engine, the room on its disk, and the port that the edge wants.
 *
 * @param edge where the stack wants to listen
 */
export async function lookAtEngine(
  stack: string,
  edge: ListenAddress | undefined,
  search?: EngineSearch,
): Promise<Look> {
  const found = search ?? (await findEngine());
  if (!("found" in found)) return noEngine(found);
  const docker = connect(found.found.host);
  const { Version: version } = await docker.version();
  const filters = { label: [`${STACK_LABEL}=${stack}`, `${SERVICE_LABEL}=edge`] };
  // Whether the port is taken by the stack's own edge.
  const wanted = (await docker.listContainers({ filters })).length > 0 ? undefined : edge;
  try {
    await checkRoom(stack, { engine: found.found }, wanted);
  } catch (error) {
    if (error instanceof NoRoom) return bad(error.what, error.mend);
    throw error;
  }
  return good(`Docker ${version}; room on its disk; ${portText(edge, wanted)}`);
}

function portText(edge: ListenAddress | undefined, wanted: ListenAddress | undefined): string {
  if (edge === undefined) return "the port is not known: the file has faults";
  return wanted === undefined ? "its own edge listens" : `${wanted.address}:${wanted.port} is free`;
}

/** Nobody else deploys: neither by our commands, from their first check to the last, nor by Pulumi alone. What is looked at here would not hold. */
export function lookAtLock(stack: string, folders: Folders): Look {
  const lock = new DeployLock(stack, folders);
  let by: Holder | undefined;
  try {
    by = lock.holder();
  } catch {
    return bad(`${lock.path} is no lock of a deploy`, `If nobody deploys: rm ${lock.path}`);
  }
  if (by !== undefined) return bad(whoDeploys(by, stack, folders), waitFor(lock.path));
  const verdict = judgeLocks(readLocks(folders, PROJECT, stack));
  switch (verdict.kind) {
    case "free":
      return good("nobody else deploys");
    case "stale":
      return good("a deploy was killed; the next one heals that");
    case "held": {
      const { pid, username, hostname, timestamp } = verdict.by;
      return bad(
        `Pulumi of ${username}@${hostname}, process ${pid}, changes the stack since ${timestamp}`,
        `Wait until it is done, then look again. If it is gone with its machine: pulumi cancel ${stack}`,
      );
    }
  }
}

/** Who, since when, and what of it. */
function whoDeploys({ command, username, hostname, pid, timestamp }: Holder, stack: string, folders: Folders): string {
  // The lock comes first, so that what began before is another's, who was killed.
  const own = new DeploymentsLog(stack, folders).read().findLast(({ startedAt }) => startedAt >= timestamp);
  const step = own?.outcome === undefined ? own?.step : undefined;
  const at = step === undefined ? "" : `, at the step ${JSON.stringify(step)}`;
  return `${command} by ${username}@${hostname}, process ${pid}, since ${timestamp}${at}`;
}

function waitFor(path: string): string {
  return `Wait until it is done, then look again: it changes what was looked at here. If it is gone with its machine: rm ${path}`;
}

/**
 * The passphrase that opens the stack's secrets. To be looked at before anybody asks for it: it is made where there is none.
 *
 * @param environment default: the process's
 */
export function lookAtPassphrase(stack: string, folders: Folders, environment = process.env): Look {
  if ((environment[BACKEND] ?? "") !== "") return good(`none of this machine's: ${BACKEND} says where states lie`);
  const path = passphrasePath(folders);
  const others = localStackNames(folders);
  const copy = `Bring back its copy: without it no secret of a stack opens. To ${path}, mode 0600`;
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    return others.length === 0
      ? good("none yet, and no stack that needs it; it is made now: keep a copy elsewhere")
      : bad(`its file is missing, and a new one opens nothing of ${others.join(", ")}`, copy);
  const mode = found.mode & 0o777;
  if ((mode & 0o077) !== 0) return bad(`its file has mode 0${mode.toString(8)}, must be 0600`, `chmod 600 ${path}`);
  const text = readFileSync(path, "utf8").trim();
  if (text === "") return bad("its file is empty", copy);
  const salt = stateSalt(stack, folders).replace("encryptionsalt:", "").trim();
  return salt === "" || opens(text, salt)
    ? good("there; keep a copy elsewhere")
    : bad(`it is not the one that ${stack} was made with, and opens none of its secrets`, copy);
}

/** Database, Redis and queue where something runs, as a deploy asks them; one that cannot be asked is not deployed to. */
export async function lookAtRunning(stack: string, within: Within): Promise<Look> {
  const looked = await lookWithin(within).catch((error: unknown): Looked => {
    return { kind: "no answer", why: messageOf(error) };
  });
  return worstOf(runningLooks(looked, stack));
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
