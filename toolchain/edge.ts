import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { messageOf } from "../configs/message.ts";
import { UserError } from "./command.ts";

/** How long one request may take, in milliseconds. */
const REQUEST_MS = 15_000;

/** What the API says of a job; only what is looked at here. */
const jobSchema = z.looseObject({
  id: z.string(),
  state: z.string(),
  attempt: z.int().optional(),
  result: z.unknown().optional(),
  error: z.object({ code: z.string(), message: z.string() }).nullish(),
});
export type JobView = z.infer<typeof jobSchema>;

const rootSchema = z.looseObject({ links: z.looseObject({ docs: z.string().optional() }) });

/** States that a job does not leave by itself. */
const FINAL = new Set(["succeeded", "cancelled", "dead"]);

/** A client of a running stack, from outside, as a user's would be. */
export class Edge {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  /**
   * @param url as the stack puts it out, such as `http://127.0.0.1:8080`
   * @param token see {@link makeToken}; without one only public routes answer
   */
  constructor(url: string, token?: string) {
    this.#url = url;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** A client that nobody knows. */
  withoutToken(): Edge {
    return new Edge(this.#url);
  }

  /**
   * Sends a request.
   *
   * @param expected status that must come back
   * @throws UserError naming the request and the answer
   */
  async request(method: "GET" | "POST", path: string, expected: number, body?: unknown): Promise<Response> {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { ...this.#headers, ...type },
      ...json,
      signal: AbortSignal.timeout(REQUEST_MS),
    }).catch((error: unknown) => {
      throw new UserError(`${method} ${this.#url}${path}: no answer (${reason(error)}). Is the stack up? make up`);
    });
    if (response.status === expected) return response;
    throw new UserError(
      `${method} ${path}: status ${response.status}, expected ${expected}: ${(await response.text()).slice(0, 400)}`,
    );
  }

  /** Path of the API's docs page; `undefined` where the API has none. */
  async docsPath(): Promise<string | undefined> {
    return rootSchema.parse(await (await this.request("GET", "/", 200)).json()).links.docs;
  }

  async createJob(kind: string, params: unknown): Promise<JobView> {
    return jobSchema.parse(await (await this.request("POST", "/api/v1/jobs", 202, { kind, params })).json());
  }

  async readJob(id: string): Promise<JobView> {
    return jobSchema.parse(await (await this.request("GET", `/api/v1/jobs/${id}`, 200)).json());
  }

  async readArtifact(id: string): Promise<Buffer> {
    return Buffer.from(await (await this.request("GET", `/api/v1/jobs/${id}/artifact`, 200)).arrayBuffer());
  }

  /**
   * Waits until a job is done.
   *
   * @throws UserError when it ends otherwise than well, or not in time
   */
  async finished(id: string, timeoutSeconds: number, seen: (job: JobView) => void = () => undefined): Promise<JobView> {
    const until = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      const job = await this.readJob(id);
      seen(job);
      if (job.state === "succeeded") return job;
      if (FINAL.has(job.state))
        throw new UserError(`Job ${id} ${job.state}: ${job.error?.code ?? ""} ${job.error?.message ?? ""}`);
      if (Date.now() > until)
        throw new UserError(`Job ${id} is ${job.state} after ${timeoutSeconds} s. Is a worker running? docker ps`);
      await sleep(150);
    }
  }
}

function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return messageOf(cause);
}
