import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { z } from "zod";
import { loadRuntime } from "../../configs/runtime.ts";
import { claimJob } from "../../jobs/attempts.ts";
import { insertBatch, type NewBatch } from "../../jobs/batches.ts";
import { openFoundation, type Foundation } from "../../jobs/foundation.ts";
import type { Job } from "../../jobs/job.ts";
import { defineKind, type JobContext } from "../../jobs/kind.ts";
import { createCloseStack, type CloseStack } from "../../jobs/process.ts";
import { openBlockingRedis } from "../../jobs/redis.ts";
import { relayOutbox } from "../../jobs/relay.ts";
import { insertJob, readJob } from "../../jobs/store.ts";
import type { Wake } from "../../jobs/wake.ts";
import { registerWorker, takeOver } from "../../jobs/worker-lease.ts";
import { createWorkers } from "../../worker/create-workers.ts";
import { createInlineRunner } from "../../worker/inline-runner.ts";
import { until } from "../servers/programs.ts";
import { createTestLog, startStack, type TestLog, type TestStack } from "../servers/stack.ts";

export const TENANT = "acme";

export type Handler = (context: JobContext) => Promise<unknown>;

/** A store and workers over real servers, and kinds that a test gives. */
export class World {
  readonly stack: TestStack;
  readonly foundation: Foundation;
  readonly testLog: TestLog;
  /** How often each job's handler has run. */
  readonly runs = new Map<string, number>();
  readonly #closing: CloseStack;
  #next = 0;

  private constructor(stack: TestStack, foundation: Foundation, testLog: TestLog, closing: CloseStack) {
    this.stack = stack;
    this.foundation = foundation;
    this.testLog = testLog;
    this.#closing = closing;
  }

  static async open(stack: TestStack): Promise<World> {
    const testLog = createTestLog();
    const closing = createCloseStack(testLog.log);
    const foundation = await openFoundation(loadRuntime("worker", stack.env), testLog.log, closing);
    await until("Redis is connected", () => foundation.redis.status === "ready");
    return new World(stack, foundation, testLog, closing);
  }

  /** Starts a worker; handlers are chosen by the kind's name, and one that is not given succeeds. */
  async start(
    handlers: Readonly<Record<string, Handler>> = {},
    concurrency = 4,
    rest: { wake?: Wake } = {},
  ): Promise<void> {
    const { foundation, testLog } = this;
    const kinds = new Map(["work", "join", ...Object.keys(handlers)].map((name) => [name, this.#kind(name, handlers)]));
    const blockingRedis = openBlockingRedis(loadRuntime("worker", this.stack.env), testLog.log);
    this.#closing.add("blocking", async () => {
      blockingRedis.disconnect();
    });
    const engines = { speech: { name: "none", speak: async () => new Uint8Array(), check: async () => undefined } };
    const common = { ...foundation, kinds, log: testLog.log };
    const workers = await createWorkers({
      ...common,
      ...{ blockingRedis, concurrency, name: "test", queues: ["default"], finishWithinMs: 100, ...rest },
      runner: createInlineRunner({ ...common, engines }),
    });
    this.#closing.add("workers", () => workers.close());
  }

  #kind(name: string, handlers: Readonly<Record<string, Handler>>) {
    return defineKind({
      ...{ name, params: z.unknown(), result: z.unknown(), queue: "default", timeoutMs: 20_000 },
      retry: { maxAttempts: 3, delayMs: 10 },
      handler: async (context) => {
        this.runs.set(context.jobId, (this.runs.get(context.jobId) ?? 0) + 1);
        return (await handlers[name]?.(context)) ?? "done";
      },
    });
  }

  id(): string {
    this.#next += 1;
    return String(BigInt(this.#next) << 22n);
  }

  async make(kind = "work", rest: { delayMs?: number } = {}): Promise<string> {
    const id = this.id();
    await insertJob(this.stack.pool, { id, tenant: TENANT, kind, queue: "default", params: {}, ...rest });
    return id;
  }

  async makeMany(count: number, kind?: string): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.make(kind)));
  }

  /** Makes a batch of one kind with an aggregate of kind `join`. */
  async batch(size: number, onMemberFailure: NewBatch["onMemberFailure"], kind = "work") {
    const [id, aggregate] = [this.id(), this.id()];
    const members = Array.from({ length: size }, () => ({ id: this.id(), params: {} }));
    await insertBatch(this.stack.pool, {
      ...{ id, tenant: TENANT, kind, queue: "default", priority: 0, delayMs: 0, members, onMemberFailure },
      aggregate: { id: aggregate, kind: "join", queue: "default", params: {} },
    });
    return { id, aggregate, members: members.map((member) => member.id) };
  }

  async job(id: string): Promise<Job> {
    const job = await readJob(this.stack.pool, TENANT, id);
    if (!job) throw new Error(`job ${id} is gone`);
    return job;
  }

  async reaches(id: string, state: Job["state"]): Promise<Job> {
    await until(`job ${id} is ${state}`, async () => (await this.job(id)).state === state);
    return this.job(id);
  }

  async ended(id: string): Promise<Job> {
    await until(`job ${id} has ended`, async () => (await this.job(id)).finishedAt !== undefined);
    return this.job(id);
  }

  async outcomes(id: string): Promise<string[]> {
    const text = "SELECT outcome FROM attempts WHERE job_id = $1 ORDER BY attempt";
    return (await this.stack.pool.query<{ outcome: string }>(text, [id])).rows.map((row) => row.outcome);
  }

  /** Jobs that ended otherwise than by one run. */
  async notOnce(ids: readonly string[]): Promise<string[]> {
    const odd: string[] = [];
    for (const id of ids) if ((await this.ended(id)).state !== "succeeded" || this.runs.get(id) !== 1) odd.push(id);
    return odd;
  }

  /** Claims a job in the name of a worker that dies, again and again. */
  async lose(id: string, times: number): Promise<void> {
    const { pool } = this.stack;
    for (let losses = 0; losses < times; losses += 1) {
      const worker = await registerWorker(pool, "dies", ["default"]);
      if ((await claimJob(pool, id, worker)).outcome !== "claimed") throw new Error(`job ${id} was not claimed`);
      await pool.query("UPDATE workers SET lease_until = now() - interval '1 s' WHERE id = $1", [worker]);
      await takeOver(pool);
    }
  }

  /** Keeps a job's row locked, so that claims and ends of it wait; gives what lets it go. */
  async holdRow(id: string): Promise<() => Promise<void>> {
    const client = await this.stack.pool.connect();
    await client.query("BEGIN");
    await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [id]);
    return async () => {
      await client.query("ROLLBACK");
      client.release();
    };
  }

  /** Statements that wait for a row. */
  async waitingForRows(): Promise<number> {
    return (await this.stack.asSuperuser("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).length;
  }

  /** Hands what waits in the outbox to Redis. */
  async relay(): Promise<number> {
    return relayOutbox(this.foundation.pool, this.foundation.wake);
  }

  async redis(name: string, ...args: string[]): Promise<unknown> {
    return this.stack.redis.command(name, ...args);
  }

  async close(): Promise<void> {
    await this.#closing.close();
  }
}

/** One pair of servers a file, empty for each test. */
export function useWorld(): () => World {
  let stack: TestStack;
  let world: World;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack.close());
  beforeEach(async () => {
    await stack.reset();
    await stack.pool.query("DELETE FROM schedules; DELETE FROM leases");
    await stack.redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction");
    await stack.redis.command("CONFIG", "SET", "maxmemory", "0");
    world = await World.open(stack);
  });
  afterEach(() => world.close());
  return () => world;
}
