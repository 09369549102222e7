import { connect } from "node:net";
import type { InjectOptions } from "fastify";
import { succeedJob } from "../../jobs/attempts.ts";
import { SUM, type TestApi } from "../servers/api.ts";

/** What came back. */
export interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Makes the bad request of one row of docs/bad-input.md. */
export type BadInput = (api: TestApi) => Promise<Answer>;

/** Rows of one table by the words of their first column. */
export type BadInputs = Readonly<Record<string, BadInput>>;

const JSON_TYPE = { "content-type": "application/json" };

/** A request that asks for a job, with something wrong. */
export function creating(change: InjectOptions): InjectOptions {
  const { headers, ...rest } = change;
  const payload = JSON.stringify(SUM);
  return { method: "POST", url: "/api/v1/jobs", payload, ...rest, headers: { ...JSON_TYPE, ...headers } };
}

/** Asks for a job with a body that is wrong. */
export function withBody(payload: string | Buffer, headers: Record<string, string> = {}): BadInput {
  return (api) => api.inject(creating({ payload, headers }));
}

/** Asks for something else with a body. */
export function sending(method: "POST" | "PUT" | "DELETE", url: string, body?: unknown, tenant?: string): BadInput {
  const payload = body === undefined ? {} : { payload: JSON.stringify(body), headers: JSON_TYPE };
  return (api) => api.inject({ method, url, ...payload }, tenant);
}

/** Asks for something. */
export function getting(url: string, headers: Record<string, string> = {}, tenant?: string): BadInput {
  return (api) => api.inject({ url, headers }, tenant);
}

/** A job that has ended, with an artifact of 14 bytes if it is wanted. */
export async function endedJob(api: TestApi, artifact = false): Promise<string> {
  const id = await api.make();
  const claim = await api.claim(id);
  const key = `artifacts/${id}.wav`;
  const stored = artifact ? await api.foundation.objects.put(key, Buffer.from("RIFF-something")) : undefined;
  await succeedJob(api.stack.pool, claim, { sum: 3 }, stored && { key, mediaType: "audio/wav", ...stored });
  return id;
}

/** Writes bytes to the port and reads what comes until the end. */
export async function overSocket(port: number, text: string): Promise<Answer> {
  const socket = connect(port, "127.0.0.1");
  socket.write(text);
  let all = "";
  for await (const chunk of socket.setEncoding("utf8")) all += chunk as string;
  const [head = "", body = ""] = all.split("\r\n\r\n");
  const lines = head.split("\r\n").slice(1);
  const headers = Object.fromEntries(lines.map((line) => line.split(": ", 2) as [string, string]));
  return { statusCode: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), headers, body };
}

/** Port that the API listens on. */
export function portOf(api: TestApi): number {
  const address = api.app.server.address();
  if (address === null || typeof address === "string") throw new Error("the API does not listen");
  return address.port;
}
