import { join } from "node:path";
import Docker from "dockerode";
import { UserError } from "./command.ts";

/** Where an engine is when nobody says otherwise. */
export const DEFAULT_HOST = "unix:///var/run/docker.sock";

/** Milliseconds in which an engine must answer a ping. */
const PING_MS = 5000;

/** An engine that answers. */
export interface EngineAddress {
  /** As in DOCKER_HOST. */
  readonly host: string;
  /** Whether every client finds it without being told. */
  readonly isDefault: boolean;
}

/** What became of the search for an engine. */
export type EngineSearch =
  | { readonly found: EngineAddress }
  /** An engine is there, but this user may not speak to it. */
  | { readonly denied: string }
  /** DOCKER_HOST names one that does not answer. */
  | { readonly silent: string }
  | { readonly none: true };

/** Addresses at which engines stand by habit: the system's, a rootless one, Docker Desktop's. */
export function usualHosts(environment: NodeJS.ProcessEnv): string[] {
  const runtime = environment["XDG_RUNTIME_DIR"];
  const home = environment["HOME"];
  return [
    DEFAULT_HOST,
    ...(runtime === undefined ? [] : [`unix://${join(runtime, "docker.sock")}`]),
    ...(home === undefined
      ? []
      : [`unix://${join(home, ".docker/run/docker.sock")}`, `unix://${join(home, ".docker/desktop/docker.sock")}`]),
  ];
}

/**
 * Looks for an engine that answers: the one that DOCKER_HOST names and no other, else the usual ones.
 *
 * @param environment default: the process's
 * @param hosts       default: {@link usualHosts}
 */
export async function findEngine(environment = process.env, hosts = usualHosts(environment)): Promise<EngineSearch> {
  const named = environment["DOCKER_HOST"];
  const isNamed = named !== undefined && named !== "";
  let denied: string | undefined;
  for (const host of isNamed ? [named] : hosts) {
    const answer = await pingEngine(host);
    if (answer === "answers") return { found: { host, isDefault: host === DEFAULT_HOST } };
    if (answer === "denied") denied ??= host;
  }
  if (denied !== undefined) return { denied };
  return isNamed ? { silent: named } : { none: true };
}

/** Asks an engine whether it is there. */
export async function pingEngine(host: string): Promise<"answers" | "denied" | "silent"> {
  try {
    await connect(host, PING_MS).ping();
    return "answers";
  } catch (error) {
    return isDenied(error) ? "denied" : "silent";
  }
}

function isDenied(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EACCES" || error.code === "EPERM");
}

/**
 * A client of an engine.
 *
 * @param host      as in DOCKER_HOST; an address that is not a socket is read from the environment, with its TLS settings
 * @param timeoutMs default: none
 */
export function connect(host: string, timeoutMs?: number): Docker {
  const timeout = timeoutMs === undefined ? {} : { timeout: timeoutMs };
  if (host.startsWith("unix://")) return new Docker({ ...timeout, socketPath: host.slice("unix://".length) });
  if (host !== process.env["DOCKER_HOST"]) throw new Error(`${host} must be named by DOCKER_HOST.`);
  if (!/^(tcp|ssh|http|https):\/\//.test(host)) {
    throw new UserError(`DOCKER_HOST is ${host}; allowed are unix://, tcp:// and ssh:// addresses.`);
  }
  return new Docker(timeout);
}
