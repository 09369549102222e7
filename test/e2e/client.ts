import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "node:http";

/** An answer of the API. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Where requests go, and with which token. */
export interface Target {
  readonly url: string;
  readonly token: string;
}

/** Sends one request; rejects when the connection fails. */
export function send(
  { url, token }: Target,
  method: "GET" | "POST",
  path: string,
  json?: unknown,
  agent?: Agent,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const authorization = `Bearer ${token}`;
    const headers =
      body === undefined
        ? { authorization }
        : { authorization, "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(
      `${url}${path}`,
      { method, headers, timeout: 30_000, ...(agent ? { agent } : {}) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
        });
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("no answer within 30 seconds")));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Posts a job; its id. */
export async function postJob(target: Target, kind: string, params: unknown): Promise<string> {
  const answer = await send(target, "POST", "/api/v1/jobs", { kind, params });
  if (answer.status !== 202) throw new Error(`POST /api/v1/jobs answered ${answer.status}: ${answer.body}`);
  return (JSON.parse(answer.body) as { id: string }).id;
}

/** Waits until a job has ended; its state and result. */
export async function finished(
  target: Target,
  id: string,
): Promise<{ state: string; result: Record<string, unknown> }> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { status, body } = await send(target, "GET", `/api/v1/jobs/${id}`);
    if (status !== 200) throw new Error(`GET job ${id} answered ${status}: ${body}`);
    const job = JSON.parse(body) as { state: string; result: Record<string, unknown> };
    if (["succeeded", "failed", "dead", "cancelled"].includes(job.state)) return job;
    if (Date.now() > deadline) throw new Error(`job ${id} is still ${job.state} after 60 seconds`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What a client without pause saw. */
export interface LoadReport {
  readonly requests: number;
  /** Every answer that was not as it should be, and every broken connection. */
  readonly failures: readonly string[];
  /** Ids of the jobs that were accepted. */
  readonly accepted: readonly string[];
  /** How long each request took. */
  readonly milliseconds: readonly number[];
}

export interface LoadMix {
  /** Path of what is read. @default "/api/v1/health" */
  readonly read?: string;
  /** One request in so many makes a job. @default 4 */
  readonly jobEvery?: number;
}

/**
 * Milliseconds between an answer and the next request of a connection: without a pause clients take both processors, and every deploy meanwhile takes
 * twice as long. Where requests are to be many (`make deploys-long`, `make rotate-long`) there is none.
 */
const PAUSE_MS = process.env["DEPLOYS"] === undefined && process.env["ROTATE_LONG"] === undefined ? 20 : 0;

/** Clients at work. */
export interface RunningLoad {
  /** How many requests were sent until now. */
  sent(): number;
  stop(): Promise<LoadReport>;
}

/** Sends requests over kept-alive connections, each soon after its last was answered, until it is stopped. */
export function startLoad(
  target: Target,
  connections: number,
  { read = "/api/v1/health", jobEvery = 4 }: LoadMix = {},
): RunningLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const failures: string[] = [];
  const accepted: string[] = [];
  const milliseconds: number[] = [];
  let requests = 0;
  let running = true;
  const one = async (): Promise<void> => {
    const post = requests++ % jobEvery === 0;
    const since = performance.now();
    try {
      const answer = post
        ? await send(target, "POST", "/api/v1/jobs", { kind: "sum", params: { numbers: [requests, 1] } }, agent)
        : await send(target, "GET", read, undefined, agent);
      if (answer.status !== (post ? 202 : 200))
        failures.push(`${post ? "POST" : "GET"} ${answer.status}: ${answer.body}`);
      else if (post) accepted.push((JSON.parse(answer.body) as { id: string }).id);
    } catch (error) {
      failures.push(`${post ? "POST" : "GET"}: ${String(error)}`);
    }
    milliseconds.push(performance.now() - since);
    await sleep(PAUSE_MS);
  };
  const loops = Array.from({ length: connections }, async () => {
    while (running) await one();
  });
  return {
    sent: () => requests,
    stop: async () => {
      running = false;
      await Promise.all(loops);
      agent.destroy();
      return { requests, failures, accepted, milliseconds };
    },
  };
}
