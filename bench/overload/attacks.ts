import { Agent, request } from "node:http";
import { gzipSync } from "node:zlib";
import { holdConnections, idle, slowHeaders } from "../../test/servers/attacks.ts";
import { pace } from "../queue/pace.ts";

/** Where an attack goes, and as whom. */
export interface Target {
  readonly port: number;
  /** Of a tenant that may be here, and does harm. */
  readonly token: string;
}

/** Long enough for any run: whoever started the attack ends it. */
const FOR_SECONDS = 3600;

const SUM = Buffer.from('{"kind":"sum","params":{"numbers":[1,2]}}');
const DEEP = Buffer.from(`{"kind":"sum","params":${"[".repeat(200_000)}${"]".repeat(200_000)}}`);
const LARGE = Buffer.from(JSON.stringify({ kind: "speech", params: { text: "x".repeat(1_000_000) } }));
const BOMB = gzipSync(Buffer.alloc(100 * 1024 * 1024, "["));

/** Attacks by their name in the report; each goes on until its process ends. */
export const ATTACKS: Readonly<Record<string, (target: Target) => unknown>> = {
  "a tenant at ten times its limit": (target) => posts(target, 1000, SUM),
  "300 connections whose headers never end": ({ port }) => holdConnections(port, 300, slowHeaders),
  "300 idle connections": ({ port }) => holdConnections(port, 300, idle),
  "JSON 200,000 levels deep, 20 a second": (target) => posts(target, 20, DEEP),
  "bodies of 1 MB, 20 a second": (target) => posts(target, 20, LARGE),
  "zip bombs of 100 MB, 20 a second": (target) => posts(target, 20, BOMB, { "content-encoding": "gzip" }),
};

function posts({ port, token }: Target, perSecond: number, body: Buffer, more: Record<string, string> = {}) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", ...more };
  const options = { agent, port, host: "127.0.0.1", method: "POST", path: "/api/v1/jobs", headers };
  return pace(FOR_SECONDS * perSecond, perSecond, async () => {
    await new Promise<void>((resolve) => {
      const sent = request(options, (answer) => answer.resume().once("close", resolve));
      // Who is attacked may well hang up.
      sent.once("error", () => {
        resolve();
      });
      sent.end(body);
    });
  });
}
