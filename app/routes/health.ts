import type { Failing } from "../../jobs/health.ts";
import { notReady } from "../../jobs/health-server.ts";
import type { App, AppDeps } from "../parts.ts";
import { sendProblem } from "../problems.ts";
import { publicProblems } from "../schemas/answers.ts";
import { healthView, liveView, noQuery, readyView, rootView } from "../schemas/service.ts";
import { VERSION } from "../version.ts";

const LINKS = {
  jobs: "/api/v1/jobs",
  batches: "/api/v1/batches",
  queues: "/api/v1/queues",
  schedules: "/api/v1/schedules",
  health: "/api/v1/health",
  live: "/health/live",
  ready: "/health/ready",
};

/** `/`, the summary and the two probes. */
export function registerHealth(app: App, deps: AppDeps): void {
  registerRoot(app, deps);
  registerProbes(app, deps);
}

function registerRoot(app: App, deps: AppDeps): void {
  const links = deps.settings.debug ? { ...LINKS, docs: "/docs", openapi: "/docs/openapi.json" } : LINKS;
  const root = {
    operationId: "readRoot",
    summary: "What this is",
    querystring: noQuery,
    response: { 200: rootView, ...publicProblems() },
  };
  app.get("/", { schema: root }, async () => ({ name: "slipway", version: VERSION, links }));
  const summary = {
    operationId: "readHealth",
    summary: "What the API needs, and how it is",
    response: { 200: healthView, ...publicProblems() },
  };
  app.get("/api/v1/health", { schema: summary }, async () => {
    const failing = new Map((await deps.readiness()).map((f) => [f.dependency, f.reason]));
    const dependencies = deps.dependencies.map((name) => [name, failing.get(name) ?? "ok"] as const);
    return {
      status: failing.size === 0 ? ("healthy" as const) : ("unhealthy" as const),
      version: VERSION,
      dependencies: Object.fromEntries(dependencies),
      // What the process needs comes first: without its database nobody knows of jobs.
      warnings: failing.size === 0 ? await warningsOf(deps) : [],
    };
  });
}

/** Seconds that work may wait for the first worker: where these go to none, one may need a node first. */
const FIRST_WORKER_SECONDS = 600;

/** Jobs that nobody comes for. */
async function warningsOf({ unserved }: Pick<AppDeps, "unserved">): Promise<string[]> {
  const late = (await unserved().catch(() => [])).filter(({ seconds }) => seconds > FIRST_WORKER_SECONDS);
  return late.map(
    ({ queue, seconds }) =>
      `queue ${queue}: work waits since ${Math.floor(seconds)} s, and no worker serves it; look at what scales workers`,
  );
}

function registerProbes(app: App, deps: AppDeps): void {
  const live = {
    operationId: "readLive",
    summary: "The process runs",
    response: { 200: liveView, ...publicProblems() },
  };
  app.get("/health/live", { schema: live }, async () => ({ status: "live" as const }));
  const ready = {
    operationId: "readReady",
    summary: "The process can serve; else every reason why not",
    response: { 200: readyView, ...publicProblems("not-ready") },
  };
  app.get("/health/ready", { schema: ready }, async (request, reply) => {
    const stops: Failing = { dependency: "api", reason: "stops" };
    const failing = deps.isDraining() ? [stops] : await deps.readiness();
    if (failing.length === 0) return { status: "ready" as const };
    sendProblem(request, reply, notReady(failing));
    return reply;
  });
}
