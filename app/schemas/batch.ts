import { z } from "zod";
import { MAX_MEMBERS, type Batch } from "../../jobs/batches.ts";
import { JOB_STATES } from "../../jobs/job.ts";
import { jobHref, jobId, jobSettings, kindName } from "./job.ts";

const aggregate = z.strictObject({
  kind: kindName.optional().describe("Kind that makes one result of all; that of the members' kind when left out"),
  params: z.unknown().optional().describe("Parameters of that kind; an empty object when left out"),
  queue: jobSettings.queue,
});

export const newBatch = z
  .strictObject({
    kind: kindName.describe("Kind of every member"),
    members: z.array(z.unknown()).min(1).max(MAX_MEMBERS).describe("Parameters of each member, in order"),
    aggregate: aggregate
      .nullable()
      .optional()
      .describe(
        "The job that starts when all members have ended; null is none. Left out: the kind's own, if it has one",
      ),
    onMemberFailure: z
      .enum(["fail", "continue"])
      .default("fail")
      .describe("What becomes of the aggregate when a member does not succeed: it is dead too, or runs with the rest"),
    ...jobSettings,
  })
  .meta({ examples: [{ kind: "sum", members: [{ numbers: [1, 2] }, { numbers: [3] }] }] });

const links = z.object({ self: z.string(), aggregate: z.string().nullable() });

export const acceptedBatch = z.object({
  id: jobId,
  kind: z.string(),
  size: z.int(),
  aggregateId: jobId.nullable(),
  createdAt: z.iso.datetime(),
  links,
});

const counts = z.object(
  Object.fromEntries(JOB_STATES.map((state) => [state, z.int()])) as Record<(typeof JOB_STATES)[number], z.ZodInt>,
);

export const batchView = z.object({
  id: jobId,
  kind: z.string(),
  size: z.int().describe("Number of members"),
  counts: counts.describe("Members by state"),
  aggregate: z.object({ id: jobId, state: z.enum(JOB_STATES) }).nullable(),
  createdAt: z.iso.datetime(),
  links,
});

export const cancelBatchView = z.object({
  id: jobId,
  cancelled: z.int().describe("Members that are cancelled now"),
  cancelRequested: z.int().describe("Members that run and whose workers were told to stop them"),
});

function linksOf(id: string, aggregateId: string | undefined): z.output<typeof links> {
  return {
    self: `/api/v1/batches/${id}`,
    aggregate: aggregateId === undefined ? null : jobHref(aggregateId),
  };
}

/** What is told of a batch that was accepted. */
export function toAcceptedBatch(batch: {
  readonly id: string;
  readonly kind: string;
  readonly size: number;
  readonly aggregate: { readonly id: string } | undefined;
  readonly createdAt: Date;
}): z.output<typeof acceptedBatch> {
  const { id, kind, size } = batch;
  return {
    ...{ id, kind, size },
    aggregateId: batch.aggregate?.id ?? null,
    createdAt: batch.createdAt.toISOString(),
    links: linksOf(id, batch.aggregate?.id),
  };
}

/** A batch as clients see it. */
export function toBatchView(batch: Batch): z.output<typeof batchView> {
  const { id, kind, size } = batch;
  return {
    ...{ id, kind, size },
    counts: { ...batch.counts },
    aggregate: batch.aggregate ? { id: batch.aggregate.id, state: batch.aggregate.state } : null,
    createdAt: batch.createdAt.toISOString(),
    links: linksOf(id, batch.aggregate?.id),
  };
}
