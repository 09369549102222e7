import type { FastifyReply } from "fastify";
import type { Job, NewJob } from "../../jobs/job.ts";
import { readJob } from "../../jobs/store.ts";
import type { App, AppDeps } from "../parts.ts";
import { credentialOf } from "../plugins/access.ts";
import { RequestProblem } from "../problems.ts";
import { kindNamed, paramFaults, refuseFaults } from "../requests/checked-kind.ts";
import { readIdempotency } from "../requests/idempotency-key.ts";
import { admitJobs } from "../requests/room.ts";
import { bodyProblems } from "../schemas/answers.ts";
import { acceptedJob, idempotencyHeaders, newJob, toAcceptedJob } from "../schemas/job.ts";
import { noQuery } from "../schemas/service.ts";

const PATH = "/api/v1/jobs";

const schema = {
  operationId: "createJob",
  summary: "Make a job",
  description:
    "Answers when the job is committed: from then on it is not lost. Under an `Idempotency-Key` the same request may be " +
    "repeated and makes nothing twice.",
  querystring: noQuery,
  headers: idempotencyHeaders,
  body: newJob,
  response: {
    202: acceptedJob,
    ...bodyProblems("unknown-kind", "invalid-params", "idempotency-conflict", "invalid-idempotency-key", "queue-full"),
  },
};

/** `POST /api/v1/jobs`: the hot path of the product. */
export function registerCreateJob(app: App, deps: AppDeps): void {
  app.post(PATH, { schema }, async (request, reply) => {
    const { kind: name, params, priority, delaySeconds, queue } = request.body;
    const { tenant } = credentialOf(request);
    const kind = kindNamed(deps.kinds, name);
    refuseFaults(paramFaults(kind, params, "params"));
    const job: NewJob = {
      id: deps.nextId(),
      tenant,
      kind: name,
      queue: queue ?? kind.queue,
      params,
      priority,
      delayMs: delaySeconds * 1000,
      idempotency: readIdempotency(request.headers["idempotency-key"], `POST ${PATH}`, request.body),
    };
    const room = admitJobs(deps.backlog, tenant, job.queue, 1);
    if (room) await room;
    const outcome = await deps.writer.insert(job);
    switch (outcome.is) {
      case "made":
        return accept(reply, { ...job, state: "queued", createdAt: outcome.createdAt });
      case "known":
        reply.header("idempotency-replayed", "true");
        return accept(reply, await knownJob(deps, tenant, outcome.id));
      case "conflict":
        throw conflict();
    }
  });
}

function accept(reply: FastifyReply, job: Parameters<typeof toAcceptedJob>[0]) {
  const accepted = toAcceptedJob(job);
  reply.code(202).header("location", accepted.links.self);
  return accepted;
}

async function knownJob(deps: AppDeps, tenant: string, id: string): Promise<Job> {
  const job = await readJob(deps.pool, tenant, id);
  // Its key outlived it: making another would do the work twice.
  if (!job)
    throw new RequestProblem(
      "idempotency-conflict",
      `the job ${id} of this Idempotency-Key was removed; take another key`,
    );
  return job;
}

/** The key was used for something else. */
export function conflict(): RequestProblem {
  return new RequestProblem(
    "idempotency-conflict",
    "idempotency-key: another request was made under it; take a new key for a new request",
  );
}
