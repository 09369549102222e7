import { run, runAlone, type Queryable } from "./database.ts";
import { KEY_LIFETIME_MS, lookUpKeys, takeKeys, type InsertOutcome } from "./idempotency.ts";
import { JOB_STATES, type EndedState, type Idempotency, type JobFailure, type JobState } from "./job.ts";
import type { Member } from "./kind.ts";

/** Members of one batch, at most. */
export const MAX_MEMBERS = 10_000;

/** Members that are read at once. */
export const MEMBER_PAGE = 100;

/** Jobs of one kind, and one that starts when all of them have ended. */
export interface NewBatch {
  readonly id: string;
  readonly tenant: string;
  /** Of the members. */
  readonly kind: string;
  readonly queue: string;
  /** Of every job of it; as in a new job. */
  readonly priority: number;
  /** Before the first member may start, in milliseconds. */
  readonly delayMs: number;
  /** 1 to 10,000, in order. */
  readonly members: readonly { readonly id: string; readonly params: unknown }[];
  readonly aggregate?: NewAggregate | undefined;
  /** What becomes of the aggregate when a member is dead or cancelled: it is dead too, or runs with what there is. */
  readonly onMemberFailure: "fail" | "continue";
  readonly idempotency?: Idempotency | undefined;
}

export interface NewAggregate {
  readonly id: string;
  readonly kind: string;
  readonly queue: string;
  readonly params: unknown;
}

/** A batch as it is read. */
export interface Batch {
  readonly id: string;
  readonly kind: string;
  /** Number of members. */
  readonly size: number;
  readonly aggregate: { readonly id: string; readonly state: JobState } | undefined;
  /** Members by state; every state is there. */
  readonly counts: Readonly<Record<JobState, number>>;
  readonly createdAt: Date;
}

const INSERT_BATCH = {
  name: "batch-insert",
  text: `WITH asked AS (
           SELECT $1::bigint AS id, $2::text AS tenant, $3::text AS key, $4::bytea AS fingerprint
         ), keyed AS (
           ${takeKeys("$5")}
         ), batch AS (
           INSERT INTO batches (id, tenant, kind, size, aggregate_id)
           SELECT id, tenant, $6, cardinality($7::bigint[]), $12::bigint FROM asked
           WHERE key IS NULL OR id IN (SELECT target_id FROM keyed)
           RETURNING id, tenant, kind, created_at
         ), member AS (
           INSERT INTO jobs (id, tenant, kind, queue, params, priority, run_at, batch_id, position)
           SELECT m.id, b.tenant, b.kind, $9, m.params, $10, now() + $11::float8 * interval '1 ms', b.id, m.position - 1
           FROM batch b, unnest($7::bigint[], $8::jsonb[]) WITH ORDINALITY AS m(id, params, position)
           RETURNING id, queue, priority, run_at
         ), aggregate AS (
           INSERT INTO jobs (id, tenant, kind, queue, params, priority, batch_id, state, waits_for, on_member_failure)
           SELECT $12::bigint, b.tenant, $13, $14, $15, $10, b.id, 'blocked', cardinality($7::bigint[]), $16
           FROM batch b WHERE $12::bigint IS NOT NULL
           RETURNING id
         ), edge AS (
           INSERT INTO dependencies (on_id, job_id) SELECT member.id, aggregate.id FROM member, aggregate
         ), wake AS (
           INSERT INTO outbox (job_id, attempt, queue, priority, run_at)
           SELECT id, 0, queue, priority, run_at FROM member ORDER BY id
         )
         SELECT created_at FROM batch`,
};

const READ_BATCH = {
  name: "batch-read",
  text: `SELECT b.id, b.kind, b.size, b.aggregate_id, a.state AS aggregate_state, b.created_at,
           (SELECT jsonb_object_agg(state, n) FROM (
              SELECT state, count(*) AS n FROM jobs WHERE batch_id = b.id AND position IS NOT NULL GROUP BY state) c) AS counts
         FROM batches b LEFT JOIN jobs a ON a.id = b.aggregate_id WHERE b.id = $1 AND b.tenant = $2`,
};

const CANCEL_BATCH = {
  name: "batch-cancel",
  // Members first, then the aggregate, each in the order of ids: as everybody locks them.
  text: `WITH batch AS (
           SELECT id, aggregate_id FROM batches WHERE id = $1 AND tenant = $2
         ), open AS (
           SELECT j.id, j.state FROM jobs j JOIN batch b ON j.batch_id = b.id
           WHERE j.position IS NOT NULL AND j.state IN ('queued', 'retrying', 'active') ORDER BY j.id FOR UPDATE OF j
         ), member AS (
           UPDATE jobs j SET state = CASE o.state WHEN 'active' THEN 'active' ELSE 'cancelled' END,
             finished_at = CASE o.state WHEN 'active' THEN NULL ELSE now() END,
             cancel_requested_at = CASE o.state WHEN 'active' THEN coalesce(j.cancel_requested_at, now()) END
           FROM open o WHERE j.id = o.id AND o.state IN ('queued', 'retrying', 'active') RETURNING j.id, j.state
         ), total AS (
           SELECT count(*) FILTER (WHERE state = 'cancelled')::int AS cancelled,
             count(*) FILTER (WHERE state = 'active')::int AS requested FROM member
         ), aggregate AS (
           UPDATE jobs a SET waits_for = a.waits_for - t.cancelled, members_failed = a.members_failed + t.cancelled,
             state = CASE WHEN a.state IN ('blocked', 'queued', 'retrying') THEN 'cancelled' ELSE a.state END,
             finished_at = CASE WHEN a.state IN ('blocked', 'queued', 'retrying') THEN now() ELSE a.finished_at END,
             cancel_requested_at = CASE WHEN a.state = 'active' THEN coalesce(a.cancel_requested_at, now()) END
           FROM batch b, total t WHERE a.id = b.aggregate_id AND (t.cancelled > 0 OR a.state IN
             ('blocked', 'queued', 'retrying', 'active'))
           RETURNING a.id, a.state
         )
         SELECT total.cancelled, total.requested, (SELECT state FROM aggregate) AS aggregate FROM batch, total`,
};

const MEMBERS = {
  name: "batch-members",
  text: `SELECT m.id, m.position, m.kind, m.state, m.params, m.result, m.error, a.object_key, a.media_type, a.bytes, a.sha256
         FROM jobs m LEFT JOIN artifacts a ON a.job_id = m.id
         WHERE m.batch_id = (SELECT batch_id FROM jobs WHERE id = $1 AND position IS NULL) AND m.position > $2
           AND m.state IN ('succeeded', 'dead', 'cancelled')
         ORDER BY m.position LIMIT ${MEMBER_PAGE}`,
};

/**
 * Makes a batch with its members, its aggregate and their wake-ups, in one statement.
 *
 * @throws Error for no member or more than 10,000
 */
export async function insertBatch(db: Queryable, batch: NewBatch): Promise<InsertOutcome> {
  const size = batch.members.length;
  if (size < 1 || size > MAX_MEMBERS)
    throw new Error(`batch ${batch.id}: got ${size} members, allowed: 1 to ${MAX_MEMBERS}`);
  for (;;) {
    const [made] = await runAlone<{ created_at: Date }>(db, INSERT_BATCH, batchValues(batch));
    if (made) return { is: "made", createdAt: made.created_at };
    const { tenant, idempotency } = batch;
    if (!idempotency) throw new Error(`batch ${batch.id}: the insert gave no row back`);
    const [known] = await lookUpKeys(db, [{ tenant, idempotency }]);
    if (known) return known;
  }
}

function batchValues(batch: NewBatch): unknown[] {
  const { id, tenant, idempotency, kind, members, queue, priority, delayMs, aggregate } = batch;
  return [
    ...[id, tenant, idempotency?.key ?? null, idempotency?.fingerprint ?? null, KEY_LIFETIME_MS, kind],
    members.map((member) => member.id),
    members.map((member) => JSON.stringify(member.params)),
    ...[queue, priority, delayMs, aggregate?.id ?? null, aggregate?.kind ?? null, aggregate?.queue ?? null],
    ...[aggregate ? JSON.stringify(aggregate.params) : null, batch.onMemberFailure],
  ];
}

interface BatchRow {
  id: string;
  kind: string;
  size: number;
  aggregate_id: string | null;
  aggregate_state: JobState | null;
  counts: Partial<Record<JobState, number>> | null;
  created_at: Date;
}

/** Reads a batch of a tenant, or gives `undefined` where that tenant has none of that id. */
export async function readBatch(db: Queryable, tenant: string, id: string): Promise<Batch | undefined> {
  const [row] = await run<BatchRow>(db, READ_BATCH, [id, tenant]);
  if (!row) return undefined;
  const { kind, size, aggregate_id, aggregate_state, counts, created_at: createdAt } = row;
  const aggregate =
    aggregate_id === null || !aggregate_state ? undefined : { id: aggregate_id, state: aggregate_state };
  return { id, kind, size, aggregate, counts: allCounts(counts ?? {}), createdAt };
}

function allCounts(counts: Partial<Record<JobState, number>>): Record<JobState, number> {
  const none = { blocked: 0, queued: 0, active: 0, retrying: 0, succeeded: 0, dead: 0, cancelled: 0 };
  return {
    ...none,
    ...Object.fromEntries(JOB_STATES.flatMap((state) => (counts[state] ? [[state, counts[state]]] : []))),
  };
}

/** What a wish to cancel a batch came to. */
export type CancelBatchOutcome =
  /** Members that are cancelled now, and members that run and whose workers are told. The aggregate goes with them. */
  | { readonly is: "cancelled"; readonly cancelled: number; readonly requested: number }
  /** Everything of it has ended before. */
  | { readonly is: "ended" }
  | { readonly is: "unknown" };

interface CancelRow {
  cancelled: number;
  requested: number;
  aggregate: JobState | null;
}

/** Cancels every member that has not ended, and the aggregate. */
export async function cancelBatch(db: Queryable, tenant: string, id: string): Promise<CancelBatchOutcome> {
  const [row] = await runAlone<CancelRow>(db, CANCEL_BATCH, [id, tenant]);
  if (!row) return { is: "unknown" };
  const { cancelled, requested, aggregate } = row;
  return cancelled + requested === 0 && aggregate === null
    ? { is: "ended" }
    : { is: "cancelled", cancelled, requested };
}

interface MemberRow {
  id: string;
  position: number;
  kind: string;
  state: EndedState;
  params: unknown;
  result: unknown;
  error: JobFailure | null;
  object_key: string | null;
  media_type: string;
  bytes: string;
  sha256: string;
}

/**
 * Members of the batch that a job aggregates, by position, those after `after` (-1 for the first page).
 *
 * @returns at most 100; none when there are no more. A member that was retried meanwhile and has not ended is left out.
 */
export async function readMembers(db: Queryable, aggregateId: string, after: number): Promise<Member[]> {
  return (await run<MemberRow>(db, MEMBERS, [aggregateId, after])).map((row) => {
    const { id: jobId, position, kind, state, params, result, error } = row;
    const { object_key: key, media_type: mediaType, bytes, sha256 } = row;
    const artifact = key === null ? undefined : { key, mediaType, bytes: Number(bytes), sha256 };
    return { jobId, position, kind, state, params, result, error: error ?? undefined, artifact };
  });
}
