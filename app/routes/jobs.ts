import { cancelJob, retryJob } from "../../jobs/lifecycle.ts";
import type { Job } from "../../jobs/job.ts";
import { listJobs, readSnapshots } from "../../jobs/reads.ts";
import { readJob } from "../../jobs/store.ts";
import type { App, AppDeps } from "../parts.ts";
import { credentialOf } from "../plugins/access.ts";
import { RequestProblem } from "../problems.ts";
import { readCursor, writeCursor } from "../requests/cursor.ts";
import { bodyProblems, problems } from "../schemas/answers.ts";
import {
  attemptList,
  cancelView,
  jobList,
  jobParams,
  jobView,
  listQuery,
  retryView,
  toAttempts,
  toJobView,
  toSummaryView,
} from "../schemas/job.ts";
import { noBody, noQuery } from "../schemas/service.ts";

/** List, read, attempts, cancel, retry. */
export function registerJobs(app: App, deps: AppDeps): void {
  registerList(app, deps);
  registerRead(app, deps);
  registerAttempts(app, deps);
  registerCancel(app, deps);
  registerRetry(app, deps);
}

/** A job that its tenant does not have: whether another one has it is not told. */
export function jobNotFound(id: string): RequestProblem {
  return new RequestProblem("job-not-found", `there is no job ${id}`);
}

/** @throws RequestProblem `job-not-found` */
export async function existingJob(deps: AppDeps, tenant: string, id: string): Promise<Job> {
  const job = await readJob(deps.pool, tenant, id);
  if (!job) throw jobNotFound(id);
  return job;
}

function registerList(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "listJobs",
    summary: "List jobs, newest first",
    querystring: listQuery,
    response: { 200: jobList, ...problems("invalid-cursor") },
  };
  app.get("/api/v1/jobs", { schema, compress: {} }, async (request) => {
    const { tenant } = credentialOf(request);
    const { limit, cursor, ...filter } = request.query;
    const page = await listJobs(deps.pool, tenant, filter, readCursor(tenant, filter, cursor), limit);
    return {
      jobs: page.jobs.map(toSummaryView),
      nextCursor: page.next === undefined ? null : writeCursor(tenant, filter, page.next),
    };
  });
}

function registerRead(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "readJob",
    summary: "Read a job",
    params: jobParams,
    querystring: noQuery,
    response: { 200: jobView, ...problems("job-not-found") },
  };
  app.get("/api/v1/jobs/:id", { schema, compress: {} }, async (request) =>
    toJobView(await existingJob(deps, credentialOf(request).tenant, request.params.id)),
  );
}

function registerAttempts(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "listAttempts",
    summary: "List the attempts of a job",
    params: jobParams,
    querystring: noQuery,
    response: { 200: attemptList, ...problems("job-not-found") },
  };
  app.get("/api/v1/jobs/:id/attempts", { schema, compress: {} }, async (request) => {
    const { id } = request.params;
    const [job] = await readSnapshots(deps.pool, [{ id, tenant: credentialOf(request).tenant, fromAttempt: 0 }]);
    if (!job) throw jobNotFound(id);
    const { attempt, startedAt } = job;
    return toAttempts(job.attempts, job.state === "active" && startedAt ? { attempt, startedAt } : undefined);
  });
}

function registerCancel(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "cancelJob",
    summary: "Cancel a job",
    description: "One that runs is stopped by its worker within seconds; it may still succeed before.",
    params: jobParams,
    querystring: noQuery,
    body: noBody,
    response: { 202: cancelView, ...bodyProblems("job-not-found", "already-ended") },
  };
  app.post("/api/v1/jobs/:id/cancel", { schema, config: { bodyOptional: true } }, async (request, reply) => {
    const { id } = request.params;
    const outcome = await cancelJob(deps.pool, credentialOf(request).tenant, id);
    switch (outcome.is) {
      case "unknown":
        throw jobNotFound(id);
      case "ended":
        throw new RequestProblem("already-ended", `job ${id} is ${outcome.state}`);
      case "cancelled":
        deps.onQueued(); // An aggregate may have become free by it.
        reply.code(202);
        return { id, state: "cancelled" as const, cancelRequested: false };
      case "requested":
        reply.code(202);
        return { id, state: "active" as const, cancelRequested: true };
    }
  });
}

function registerRetry(app: App, deps: AppDeps): void {
  const schema = {
    operationId: "retryJob",
    summary: "Try a dead or cancelled job again",
    description: "With all the attempts of its kind. An aggregate that is dead because of it waits for it again.",
    params: jobParams,
    querystring: noQuery,
    body: noBody,
    response: {
      202: retryView,
      ...bodyProblems("job-not-found", "not-finished", "already-succeeded", "member-failed"),
    },
  };
  app.post("/api/v1/jobs/:id/retry", { schema, config: { bodyOptional: true } }, async (request, reply) => {
    const { id } = request.params;
    const outcome = await retryJob(deps.pool, credentialOf(request).tenant, id);
    switch (outcome.is) {
      case "unknown":
        throw jobNotFound(id);
      case "not-ended":
        throw new RequestProblem(
          "not-finished",
          `job ${id} is ${outcome.state}; only a dead or cancelled one is tried again`,
        );
      case "succeeded":
        throw new RequestProblem("already-succeeded", `job ${id} has succeeded; make a new job to do it again`);
      case "member-failed":
        throw new RequestProblem(
          "member-failed",
          `job ${id} needs every member of its batch; retry those that did not succeed`,
        );
      case "queued":
        deps.onQueued();
        reply.code(202);
        return { id, state: outcome.state };
    }
  });
}
