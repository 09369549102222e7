import type { FastifyReply } from "fastify";
import type { z } from "zod";
import { cancelBatch, insertBatch, readBatch, type NewAggregate, type NewBatch } from "../../jobs/batches.ts";
import type { AnyKind } from "../../jobs/kind.ts";
import type { App, AppDeps } from "../parts.ts";
import { credentialOf } from "../plugins/access.ts";
import { RequestProblem } from "../problems.ts";
import { kindNamed, paramFaults, refuseFaults, type Fault } from "../requests/checked-kind.ts";
import { MAX_FAULTS } from "../requests/faults.ts";
import { readIdempotency } from "../requests/idempotency-key.ts";
import { admitJobs } from "../requests/room.ts";
import { bodyProblems, problems } from "../schemas/answers.ts";
import { acceptedBatch, batchView, cancelBatchView, newBatch, toAcceptedBatch, toBatchView } from "../schemas/batch.ts";
import { idempotencyHeaders, jobParams } from "../schemas/job.ts";
import { noBody, noQuery } from "../schemas/service.ts";
import { conflict } from "./create-job.ts";

const PATH = "/api/v1/batches";

/** Largest body of a batch, in bytes: 10,000 members of 800 bytes each. */
export const BATCH_BODY_LIMIT = 8 * 1024 * 1024;

const schema = {
  operationId: "createBatch",
  summary: "Make a batch: many jobs, and one that makes a single result of theirs",
  description: "Answers when the batch with all its jobs is committed, or none of it.",
  querystring: noQuery,
  headers: idempotencyHeaders,
  body: newBatch,
  response: {
    202: acceptedBatch,
    ...bodyProblems("unknown-kind", "invalid-params", "idempotency-conflict", "invalid-idempotency-key", "queue-full"),
  },
};

/** Create, read, cancel. */
export function registerBatches(app: App, deps: AppDeps): void {
  app.post(PATH, { schema, bodyLimit: BATCH_BODY_LIMIT }, async (request, reply) => {
    const { tenant } = credentialOf(request);
    // Checked first: a fingerprint of what is nested without end cannot be taken.
    const plan = planBatch(deps, tenant, request.body);
    const idempotency = readIdempotency(request.headers["idempotency-key"], `POST ${PATH}`, request.body);
    const batch = { ...plan, idempotency };
    const room = admitJobs(deps.backlog, tenant, batch.queue, batch.members.length);
    if (room) await room;
    const outcome = await insertBatch(deps.pool, batch);
    switch (outcome.is) {
      case "made":
        deps.onQueued();
        return accept(reply, {
          ...batch,
          aggregate: batch.aggregate,
          size: batch.members.length,
          createdAt: outcome.createdAt,
        });
      case "known":
        reply.header("idempotency-replayed", "true");
        return accept(reply, await existingBatch(deps, tenant, outcome.id));
      case "conflict":
        throw conflict();
    }
  });
  registerRead(app, deps);
  registerCancel(app, deps);
}

function accept(reply: FastifyReply, batch: Parameters<typeof toAcceptedBatch>[0]): z.output<typeof acceptedBatch> {
  const accepted = toAcceptedBatch(batch);
  reply.code(202).header("location", accepted.links.self);
  return accepted;
}

function planBatch(deps: AppDeps, tenant: string, body: z.output<typeof newBatch>): Omit<NewBatch, "idempotency"> {
  const kind = kindNamed(deps.kinds, body.kind);
  const { kinds } = deps;
  const { onMemberFailure, priority, delaySeconds } = body;
  const plan = planAggregate(kinds, kind, body.aggregate);
  refuseFaults([
    ...memberFaults(kind, body.members),
    ...(plan ? paramFaults(kindNamed(kinds, plan.kind, "aggregate.kind"), plan.params, "aggregate.params") : []),
  ]);
  return {
    id: deps.nextId(),
    tenant,
    kind: body.kind,
    queue: body.queue ?? kind.queue,
    ...{ onMemberFailure, priority, delayMs: delaySeconds * 1000 },
    members: body.members.map((params) => ({ id: deps.nextId(), params })),
    aggregate: plan && { id: deps.nextId(), ...plan },
  };
}

/** Looks no further than there is something to tell: of 10,000 bad members each could have thousands of faults. */
function memberFaults(kind: AnyKind, members: readonly unknown[]): readonly Fault[] {
  const faults: Fault[] = [];
  for (const [index, params] of members.entries()) {
    for (const fault of paramFaults(kind, params, `members.${index}`)) faults.push(fault);
    if (faults.length > MAX_FAULTS) break;
  }
  return faults;
}

/** What the request says, else what the kind of the members brings along. */
function planAggregate(
  kinds: AppDeps["kinds"],
  kind: AnyKind,
  asked: z.output<typeof newBatch>["aggregate"],
): Omit<NewAggregate, "id"> | undefined {
  const name = asked?.kind ?? kind.aggregate;
  if (asked === null || (asked === undefined && name === undefined)) return undefined;
  if (name === undefined) {
    throw new RequestProblem(
      "unknown-kind",
      `aggregate.kind: is missing, and the kind ${kind.name} has none of its own`,
    );
  }
  return {
    kind: name,
    queue: asked?.queue ?? kindNamed(kinds, name, "aggregate.kind").queue,
    params: asked?.params ?? {},
  };
}

async function existingBatch(deps: AppDeps, tenant: string, id: string) {
  const batch = await readBatch(deps.pool, tenant, id);
  if (!batch) throw batchNotFound(id);
  return batch;
}

function batchNotFound(id: string): RequestProblem {
  return new RequestProblem("batch-not-found", `there is no batch ${id}`);
}

function registerRead(app: App, deps: AppDeps): void {
  const read = {
    operationId: "readBatch",
    summary: "Read a batch",
    params: jobParams,
    querystring: noQuery,
    response: { 200: batchView, ...problems("batch-not-found") },
  };
  app.get(`${PATH}/:id`, { schema: read, compress: {} }, async (request) =>
    toBatchView(await existingBatch(deps, credentialOf(request).tenant, request.params.id)),
  );
}

function registerCancel(app: App, deps: AppDeps): void {
  const cancel = {
    operationId: "cancelBatch",
    summary: "Cancel every job of a batch that has not ended",
    params: jobParams,
    querystring: noQuery,
    body: noBody,
    response: { 202: cancelBatchView, ...bodyProblems("batch-not-found", "already-ended") },
  };
  app.post(`${PATH}/:id/cancel`, { schema: cancel, config: { bodyOptional: true } }, async (request, reply) => {
    const { id } = request.params;
    const outcome = await cancelBatch(deps.pool, credentialOf(request).tenant, id);
    switch (outcome.is) {
      case "unknown":
        throw batchNotFound(id);
      case "ended":
        throw new RequestProblem("already-ended", `every job of batch ${id} has ended`);
      case "cancelled":
        reply.code(202);
        return { id, cancelled: outcome.cancelled, cancelRequested: outcome.requested };
    }
  });
}
