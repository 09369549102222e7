import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "../e2e/client.ts";

/** Asks an API with a credential. @param agent whose connections are used @default any that is open, as fetch chooses */
export type Requests = (path: string, body?: unknown, agent?: Agent) => Promise<Response>;

/** A connection for each request. Not by fetch: what it is to close in the end may be one that another request has kept, to a pod of before. */
export const ALONE = new Agent({ keepAlive: false });

export function requestsTo(url: string, token: string): Requests {
  return async (path, body, agent) => {
    const method = body === undefined ? "GET" : "POST";
    if (agent !== undefined) {
      const answer = await send({ url, token }, method, path, body, agent);
      return new Response(answer.body, { status: answer.status });
    }
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    return fetch(`${url}${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  };
}

/** What became of the requests. */
export interface LoadResult {
  readonly statuses: readonly number[];
  /** Of the jobs that were accepted. */
  readonly ids: readonly string[];
  /** Requests that got no answer, and what was answered in place of one. */
  readonly faults: readonly string[];
}

/** Between two requests of one client: the pods that come up need the processors too. */
const PAUSE_MS = 25;

/** Clients that ask again and again until they are told to end: half of them over a connection that lasts, half over a new one each time. */
export class Load {
  readonly #request: Requests;
  readonly #clients: readonly Promise<void>[];
  readonly #result = { statuses: [] as number[], ids: [] as string[], faults: [] as string[] };
  #isOver = false;

  constructor(request: Requests, clients: number) {
    this.#request = request;
    this.#clients = Array.from({ length: clients }, (_, n) =>
      this.#client(n % 2 === 0 ? ALONE : new Agent({ keepAlive: true, maxSockets: 1 })),
    );
  }

  async end(): Promise<LoadResult> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return this.#result;
  }

  async #client(agent: Agent): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      await sleep(PAUSE_MS);
      try {
        // One job in ten requests: the rest reads, so that the queue stays short.
        await (n % 10 === 0 ? this.#post(agent) : this.#get(agent));
      } catch (error) {
        this.#result.faults.push(String(error));
      }
    }
  }

  async #post(agent: Agent): Promise<void> {
    const answer = await this.#request("/api/v1/jobs", { kind: "sum", params: { numbers: [1, 2] } }, agent);
    const body = await this.#read(answer);
    if (answer.ok) this.#result.ids.push((JSON.parse(body) as { id: string }).id);
  }

  async #get(agent: Agent): Promise<void> {
    await this.#read(await this.#request("/api/v1/jobs?limit=1", undefined, agent));
  }

  async #read(answer: Response): Promise<string> {
    const body = await answer.text();
    this.#result.statuses.push(answer.status);
    if (!answer.ok) this.#result.faults.push(`${answer.status}: ${body}`);
    return body;
  }
}
