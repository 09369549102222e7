import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "./ledger.ts";
import { HOST } from "./program.ts";

/** How long an answer is waited for, in milliseconds; then it is unknown. */
const PATIENCE_MS = 10_000;

/** Pause before the next try, in milliseconds. */
const PAUSE_MS = 150;

interface Answer {
  /** 0: none came, nobody knows what became of the request. */
  readonly status: number;
  readonly body: unknown;
}

export interface SenderOptions {
  /** Ports of the APIs. */
  readonly ports: readonly number[];
  readonly ledger: Ledger;
  readonly token: string;
  /** To each API, at most. */
  readonly connections: number;
}

/** Sends requests to one API after the other. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #agent: Agent;
  #turn = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  }

  /** Sends once; gives the body of a 2xx. */
  async once(path: string, body: unknown): Promise<unknown> {
    const { status, body: answer } = await this.#send(path, body, undefined);
    if (isGood(status)) return answer;
    if (status === 0 || status >= 429) await sleep(PAUSE_MS);
    return undefined;
  }

  /** Sends under a key, again and again until a 2xx comes; gives its body. */
  async until2xx(path: string, body: unknown, key: string): Promise<unknown> {
    for (;;) {
      const { status, body: answer } = await this.#send(path, body, key);
      if (isGood(status)) return answer;
      if (status >= 400 && status < 500 && status !== 429) {
        const told = JSON.stringify(answer);
        this.#options.ledger.contradictions.push(`key ${key}: a good request was answered ${status}: ${told}`);
        return undefined;
      }
      await sleep(PAUSE_MS);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(path: string, body: unknown, key: string | undefined): Promise<Answer> {
    const { ports, ledger } = this.#options;
    this.#turn += 1;
    const answer = await this.#post(ports[this.#turn % ports.length] ?? 0, path, body, key);
    ledger.tally(answer.status === 0 ? "unknown" : String(answer.status));
    return answer;
  }

  #post(port: number, path: string, body: unknown, key: string | undefined): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${this.#options.token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(key === undefined ? {} : { "idempotency-key": key }),
    };
    const where = { host: HOST, port, path, method: "POST", headers, agent: this.#agent };
    return new Promise((resolve) => {
      const nothing = () => {
        resolve({ status: 0, body: undefined });
      };
      const asked = request(where, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => (text += chunk));
        answer.on("error", nothing);
        answer.on("close", nothing);
        answer.on("end", () => {
          resolve({ status: answer.statusCode ?? 0, body: parse(text) });
        });
      });
      asked.setTimeout(PATIENCE_MS, () => asked.destroy(new Error("no answer")));
      asked.on("error", nothing);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
