import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { TENANT, testToken } from "../../test/servers/credentials.ts";
import type { Peers } from "../install.ts";

/** What the load generator saw. */
export interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Requests that were answered 202. */
  readonly accepted: number;
}

/** Connections that send their next request as soon as the one before is answered. */
export const CONNECTIONS = 32;

const run = promisify(execFile);

/** Posts jobs for some seconds, from a process of its own. @throws Error when one is answered by anything but 2xx */
export async function loadJobs(peers: Peers, port: number, seconds: number): Promise<Load> {
  const body = JSON.stringify({ kind: "sum", params: { numbers: [1, 2] } });
  const headers = [`authorization=Bearer ${await testToken(TENANT)}`, "content-type=application/json"];
  const options = [
    "--json",
    "--no-progress",
    "-c",
    String(CONNECTIONS),
    "-d",
    String(seconds),
    "-m",
    "POST",
    "-b",
    body,
  ];
  const url = `http://127.0.0.1:${port}/api/v1/jobs`;
  const args = [peers.autocannon, ...options, ...headers.flatMap((header) => ["-H", header]), url];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 2 ** 26 });
  return parse(stdout);
}

function parse(text: string): Load {
  const seen: unknown = JSON.parse(text);
  const value = (...path: string[]) => Number(path.reduce<unknown>(at, seen));
  const wrong = value("non2xx") + value("errors") + value("timeouts");
  if (wrong > 0 || !(value("2xx") > 0))
    throw new Error(`${wrong} requests failed and ${value("2xx")} were accepted; all must be: ${text.slice(0, 2000)}`);
  return {
    perSecond: value("2xx") / value("duration"),
    p50: value("latency", "p50"),
    p99: value("latency", "p99"),
    accepted: value("2xx"),
  };
}

function at(object: unknown, name: string): unknown {
  return object instanceof Object ? new Map<string, unknown>(Object.entries(object)).get(name) : undefined;
}
