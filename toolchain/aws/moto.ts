import { once } from "node:events";
import { spawn } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLines, UserError } from "../command.ts";
import type { Folders } from "../folders.ts";
import { pythonEnvironment } from "../python.ts";

/** AWS as moto plays it, on a port of this machine. */
export interface Moto {
  /** Such as `http://127.0.0.1:41234`. */
  readonly url: string;
  /** Ends it, and forgets everything in it. */
  readonly end: () => Promise<void>;
}

const REQUIREMENTS = join(dirname(fileURLToPath(import.meta.url)), "requirements.txt");

/** Seconds that it may take to answer. */
const START_SECONDS = 60;

/** Credentials that moto takes; it takes any. */
export const MOTO_CREDENTIALS = { AWS_ACCESS_KEY_ID: "simulated", AWS_SECRET_ACCESS_KEY: "simulated" } as const;

/** AWS' own policies, which roles of nodes have, are there as in every account. */
const SETTINGS = { MOTO_IAM_LOAD_MANAGED_POLICIES: "true" } as const;

/**
 * Starts moto's server on loopback. Nothing of it is kept.
 *
 * @throws UserError with the end of what it printed where it does not answer
 */
export async function startMoto(folders: Pick<Folders, "cache">): Promise<Moto> {
  const environment = await pythonEnvironment(folders, "python-moto", REQUIREMENTS);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [environment.script("moto_server"), "--host", "127.0.0.1", "--port", String(port)];
  const child = spawn(environment.python, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...MOTO_CREDENTIALS, ...SETTINGS },
  });
  let printed = "";
  const keep = (chunk: Buffer) => (printed = `${printed}${chunk.toString()}`.slice(-20_000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const ended = once(child, "close");
  const deadline = performance.now() + START_SECONDS * 1000;
  const isUp = async () => (await fetch(`${url}/moto-api/`).catch(() => undefined))?.ok === true;
  while (!(await isUp())) {
    if (child.exitCode === null && performance.now() < deadline) {
      await sleep(100);
      continue;
    }
    child.kill("SIGKILL");
    throw new UserError(`moto did not answer at ${url}:\n${lastLines(printed, 15)}`);
  }
  return {
    url,
    end: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
