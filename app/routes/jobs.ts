import { z } from "zod";
import type { Job } from "../../jobs/job.ts";
import type { AnyKind } from "../../jobs/kind.ts";
import { insertJob, readJob } from "../../jobs/store.ts";
import type { App, AppDeps } from "../app.ts";
import { RequestProblem } from "../problems.ts";
import {
  acceptedJob,
  artifactContent,
  jobHref,
  jobParams,
  jobView,
  newJob,
  noQuery,
  problem,
  toJobView,
} from "../schemas.ts";
import { findUnstorable } from "../storable.ts";

/** Create, read, artifact. */
export function registerJobs(app: App, deps: AppDeps): void {
  registerCreate(app, deps);
  registerRead(app, deps);
  registerArtifact(app, deps);
}

function registerCreate(app: App, deps: AppDeps): void {
  app.post(
    "/api/v1/jobs",
    {
      schema: {
        summary: "Make a job",
        description: "Answers when the job is committed: from then on it is not lost.",
        querystring: noQuery,
        body: newJob,
        response: { 202: acceptedJob, "4xx": problem, "5xx": problem },
      },
    },
    async (request, reply) => {
      const { kind: name, params, priority, delaySeconds, queue } = request.body;
      const kind = checkedKind(deps, name, params);
      const job = {
        id: deps.nextId(),
        tenant: "default",
        kind: name,
        queue: queue ?? kind.queue,
        params,
        priority,
        delayMs: delaySeconds * 1000,
      };
      const made = await insertJob(deps.pool, job);
      if (made.is !== "made") throw new Error(`job ${job.id} was not made`);
      deps.onQueued();
      const self = jobHref(job.id);
      reply.code(202).header("location", self);
      return reply.send({
        id: job.id,
        kind: name,
        queue: job.queue,
        state: "queued",
        createdAt: made.createdAt.toISOString(),
        links: { self, artifact: `${self}/artifact` },
      });
    },
  );
}

function checkedKind(deps: AppDeps, name: string, params: unknown): AnyKind {
  const kind = deps.kinds.get(name);
  if (!kind) {
    throw new RequestProblem(
      "unknown-kind",
      `kind: got ${JSON.stringify(name)}, allowed: ${[...deps.kinds.keys()].join(", ")}`,
    );
  }
  const checked = kind.params.safeParse(params);
  const errors = checked.success ? unstorable(params) : checked.error.issues.map(toFault);
  if (errors.length > 0) {
    throw new RequestProblem("invalid-params", errors.map((e) => `${e.path}: ${e.message}`).join("; "), { errors });
  }
  return kind;
}

interface Fault {
  readonly path: string;
  readonly message: string;
}

function toFault(issue: z.core.$ZodIssue): Fault {
  return { path: ["params", ...issue.path.map(String)].join("."), message: issue.message };
}

function unstorable(params: unknown): Fault[] {
  const found = findUnstorable(params);
  return found === undefined ? [] : [{ path: "params", message: found }];
}

async function existingJob(deps: AppDeps, id: string): Promise<Job> {
  const job = await readJob(deps.pool, "default", id);
  if (!job) throw new RequestProblem("job-not-found", `there is no job ${id}`);
  return job;
}

function registerRead(app: App, deps: AppDeps): void {
  app.get(
    "/api/v1/jobs/:id",
    {
      schema: {
        summary: "Read a job",
        params: jobParams,
        querystring: noQuery,
        response: { 200: jobView, "4xx": problem, "5xx": problem },
      },
    },
    async (request) => toJobView(await existingJob(deps, request.params.id)),
  );
}

function registerArtifact(app: App, deps: AppDeps): void {
  app.get(
    "/api/v1/jobs/:id/artifact",
    {
      schema: {
        summary: "Get what a job made",
        description: "409 while the job can still make one, 404 when it ended without.",
        params: jobParams,
        querystring: noQuery,
        response: { 200: artifactContent, "4xx": problem, "5xx": problem },
      },
    },
    async (request, reply) => {
      const job = await existingJob(deps, request.params.id);
      if (job.finishedAt === undefined)
        throw new RequestProblem("not-finished", `job ${job.id} is ${job.state}; try again later`);
      if (!job.artifact) throw new RequestProblem("no-artifact", `job ${job.id} is ${job.state} and has no artifact`);
      const content = await deps.objects.read(job.artifact.key);
      if (!content) throw new Error(`job ${job.id}: the object ${job.artifact.key} is missing in the store`);
      return reply
        .type(job.artifact.mediaType)
        .header("content-length", content.bytes)
        .header("etag", `"${job.artifact.sha256}"`)
        .header("cache-control", "private, max-age=31536000, immutable")
        .send(content.stream);
    },
  );
}
