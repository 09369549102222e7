import type { InjectOptions, LightMyRequestResponse } from "fastify";
import { buildApp } from "../../app/app.ts";
import type { App } from "../../app/parts.ts";
import { loadRuntime } from "../../configs/runtime.ts";
import { claimJob, type Claim } from "../../jobs/attempts.ts";
import { openFoundation, type Foundation } from "../../jobs/foundation.ts";
import type { Failing } from "../../jobs/health.ts";
import { leaseIds } from "../../jobs/id-lease.ts";
import { createCloseStack } from "../../jobs/process.ts";
import { createJobWriter } from "../../jobs/store.ts";
import { registerWorker } from "../../jobs/worker-lease.ts";
import { testAuthorization } from "./credentials.ts";
import { until } from "./programs.ts";
import { createTestLog, startStack, type TestLog, type TestStack } from "./stack.ts";

/** What a test may change while the API runs. */
export interface TestState {
  failing: Failing[];
  draining: boolean;
  /** How often jobs were announced, to the relay or to be handed to Redis. */
  queued: number;
}

/** The API over real servers, without its process. */
export interface TestApi {
  readonly app: App;
  readonly stack: TestStack;
  readonly foundation: Foundation;
  readonly lines: TestLog["lines"];
  readonly state: TestState;
  /** Sends a request with a token of a tenant. @param tenant `acme` when left out */
  inject(options: InjectOptions | string, tenant?: string): Promise<LightMyRequestResponse>;
  /** Asks for a job. */
  post(body: unknown, tenant?: string): Promise<LightMyRequestResponse>;
  /** Makes a job and gives its id. */
  make(): Promise<string>;
  claim(id: string): Promise<Claim>;
  close(): Promise<void>;
}

/** A request that is fine. */
export const SUM = { kind: "sum", params: { numbers: [1, 2] } };

/** Starts servers and builds the API on them. @param env settings that differ from the defaults */
export async function startTestApi(env: Readonly<Record<string, string>> = {}): Promise<TestApi> {
  const { log, lines } = createTestLog();
  const stack = await startStack();
  const closing = createCloseStack(log);
  closing.add("stack", () => stack.close());
  const settings = loadRuntime("api", { ...stack.env, ...env });
  const foundation = await openFoundation(settings, log, closing);
  await until("Redis is connected", () => foundation.redis.status === "ready");
  const ids = await leaseIds(foundation.pool, log);
  closing.add("ids", () => ids.close());
  const state: TestState = { failing: [], draining: false, queued: 0 };
  const { MAX_WAITING_INSERTS: maxWaiting } = settings;
  const writer = createJobWriter(foundation.pool, { maxWaiting, onMade: ({ length }) => (state.queued += length) });
  closing.add("writer", () => writer.close());
  const app = await buildApp({
    ...foundation,
    settings,
    writer,
    log,
    nextId: () => ids.next(),
    onQueued: () => (state.queued += 1),
    dependencies: ["database", "redis"],
    readiness: async () => state.failing,
    isDraining: () => state.draining,
  });
  closing.add("app", () => app.close());
  const post: TestApi["post"] = (payload, tenant) => injectAs(app, postOf(payload), tenant);
  return {
    app,
    stack,
    foundation,
    lines,
    state,
    inject: (options, tenant) => injectAs(app, options, tenant),
    post,
    make: async () => (await post(SUM)).json<{ id: string }>().id,
    claim: (id) => claim(stack, id),
    close: () => closing.close(),
  };
}

function postOf(payload: unknown): InjectOptions {
  const headers = { "content-type": "application/json" };
  return { method: "POST", url: "/api/v1/jobs", payload: JSON.stringify(payload), headers };
}

async function injectAs(app: App, options: InjectOptions | string, tenant?: string): Promise<LightMyRequestResponse> {
  const asked = typeof options === "string" ? { url: options } : options;
  return app.inject({ ...asked, headers: { ...(await testAuthorization(tenant)), ...asked.headers } });
}

async function claim(stack: TestStack, id: string): Promise<Claim> {
  const outcome = await claimJob(stack.pool, id, await registerWorker(stack.pool, "w", ["default"]));
  if (outcome.outcome !== "claimed") throw new Error(`job ${id} was not claimed: ${outcome.outcome}`);
  return outcome.claim;
}
