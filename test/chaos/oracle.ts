import type { Pool } from "pg";
import type { Ledger } from "./ledger.ts";

/** A job as Postgres and the witness have it at the end. */
interface Row {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly sum: string | null;
  readonly counted: string | null;
  readonly code: string | null;
  readonly batch: string | null;
  readonly position: number | null;
  readonly created: number;
  readonly finished: number | null;
  readonly effects: number;
}

/** What is wrong, by kind. */
export const FAILINGS = ["lost", "ghost", "doubled", "stuck", "wrong"] as const;
export type Failing = (typeof FAILINGS)[number];

export interface Verdict {
  /** Rows of jobs in Postgres. */
  readonly jobs: number;
  readonly effects: number;
  readonly counts: Readonly<Record<Failing, number>>;
  /** The first few of each kind, in words. */
  readonly examples: readonly string[];
  /** Longest time from the moment a job might start to its end, in seconds. */
  readonly slowestSeconds: number;
  readonly slowestId: string;
  /** What became of its attempts, in words. */
  readonly slowestStory: string;
}

/** How long a job may take while everything is up, in milliseconds. */
export const STUCK_MS = 60_000;

const EXAMPLES = 5;
const PAGE = 20_000;

/**
 * Compares the client's log with Postgres and with what the witness saw.
 *
 * @param outages when nothing could be expected to go on; ends in milliseconds since 1970
 */
export async function judge(db: Pool, ledger: Ledger, outages: readonly { to: number }[]): Promise<Verdict> {
  const jury = new Jury(ledger, outages);
  for await (const row of readJobs(db)) jury.see(row);
  jury.finish();
  const verdict = jury.verdict();
  return { ...verdict, slowestStory: await storyOf(db, verdict.slowestId) };
}

/** How each attempt of a job ended, and when, in seconds since it was made. */
async function storyOf(db: Pool, id: string): Promise<string> {
  const { rows } = await db.query<{ story: string | null }>(
    `SELECT format('priority %s; ', j.priority) || string_agg(format('%s %s %s-%s', a.attempt, a.outcome, round(extract(epoch FROM a.started_at - j.created_at), 1),
       round(extract(epoch FROM a.finished_at - j.created_at), 1)), ', ' ORDER BY a.attempt) AS story
     FROM jobs j JOIN attempts a ON a.job_id = j.id WHERE j.id = $1 GROUP BY j.priority`,
    [id],
  );
  return rows[0]?.story ?? "no attempts";
}

async function* readJobs(db: Pool): AsyncGenerator<Row> {
  for (let after = "0"; ;) {
    const { rows } = await db.query<Row>(
      `SELECT j.id, j.state, j.attempt, j.result->>'sum' AS sum, j.result->>'counted' AS counted, j.error->>'code' AS code,
         j.batch_id AS batch, j.position, extract(epoch FROM j.created_at)::float8 * 1000 AS created,
         extract(epoch FROM j.finished_at)::float8 * 1000 AS finished,
         (SELECT count(*)::int FROM effects e WHERE e.job_id = j.id) AS effects
       FROM jobs j WHERE j.id > $1 ORDER BY j.id LIMIT ${PAGE}`,
      [after],
    );
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = last.id;
  }
}

class Jury {
  readonly #ledger: Ledger;
  readonly #outages: readonly number[];
  readonly #counts: Record<Failing, number> = { lost: 0, ghost: 0, doubled: 0, stuck: 0, wrong: 0 };
  readonly #examples: string[] = [];
  readonly #seen = new Set<string>();
  /** Members seen, by batch. */
  readonly #members = new Map<string, number>();
  #jobs = 0;
  #effects = 0;
  #slowest = { id: "0", ms: 0 };

  constructor(ledger: Ledger, outages: readonly { to: number }[]) {
    this.#ledger = ledger;
    this.#outages = outages.map(({ to }) => to).sort((a, b) => a - b);
  }

  see(row: Row): void {
    this.#jobs += 1;
    this.#effects += row.effects;
    const single = this.#ledger.jobs.get(row.id);
    const batch = row.batch === null ? undefined : this.#ledger.batches.get(row.batch);
    if (single || batch?.aggregateId === row.id) this.#seen.add(row.id);
    if (batch && row.position !== null) this.#members.set(batch.id, (this.#members.get(batch.id) ?? 0) + 1);
    if (row.effects > 1) this.#say("doubled", row, `has ${row.effects} effects`);
    this.#judgeTime(row, single?.delayMs ?? 0);
    switch (row.state) {
      case "succeeded":
        if (row.effects === 0) this.#say("lost", row, "is told to have succeeded, and never did");
        this.#judgeResult(row, single?.sum, batch?.sums);
        return;
      case "cancelled":
        if (single && !single.mayBeCancelled) this.#say("wrong", row, "is cancelled, and nobody asked for it");
        if (batch) this.#say("wrong", row, "of a batch is cancelled, and nobody asked for it");
        return;
      case "dead":
        this.#say("wrong", row, `is dead: ${row.code ?? "no reason"}`);
        return;
      default:
        this.#say(single || batch ? "lost" : "stuck", row, `never ended: ${row.state}`);
    }
  }

  finish(): void {
    for (const id of this.#ledger.jobs.keys()) if (!this.#seen.has(id)) this.#add("ghost", `job ${id} was accepted`);
    for (const { id, aggregateId, sums } of this.#ledger.batches.values()) {
      const members = this.#members.get(id) ?? 0;
      if (members !== sums.length) this.#add("ghost", `batch ${id} of ${sums.length} has ${members} members`);
      if (!this.#seen.has(aggregateId)) this.#add("ghost", `aggregate ${aggregateId} was accepted`);
    }
    for (const what of this.#ledger.contradictions) this.#add("wrong", what);
  }

  verdict(): Omit<Verdict, "slowestStory"> {
    return {
      jobs: this.#jobs,
      effects: this.#effects,
      counts: this.#counts,
      examples: this.#examples,
      slowestId: this.#slowest.id,
      slowestSeconds: Math.round(this.#slowest.ms / 100) / 10,
    };
  }

  #judgeResult(row: Row, sum: number | undefined, sums: readonly number[] | undefined): void {
    if (sum !== undefined && Number(row.sum) !== sum) this.#say("wrong", row, `is ${row.sum ?? "nothing"}, not ${sum}`);
    if (!sums) return;
    const total = sums.reduce((all, one) => all + one, 0);
    const expected = row.position === null ? total : sums[row.position];
    const counted = row.position === null ? sums.length : 0;
    if (Number(row.sum) !== expected || Number(row.counted ?? 0) !== counted)
      this.#say("wrong", row, `is ${row.sum ?? "nothing"} of ${row.counted ?? 1}, not ${expected ?? "there"}`);
  }

  /** From the moment that it might start, or from the end of the last outage before its end. */
  #judgeTime(row: Row, delayMs: number): void {
    if (row.finished === null || row.position !== null || row.batch !== null) return;
    const { finished } = row;
    const due = row.created + delayMs;
    if (finished - due > this.#slowest.ms) this.#slowest = { id: row.id, ms: finished - due };
    if (finished - due < STUCK_MS) return;
    const up = this.#outages.findLast((to) => to < finished) ?? 0;
    if (finished - Math.max(due, up) > STUCK_MS)
      this.#say("stuck", row, `took ${Math.round((finished - due) / 1000)} s`);
  }

  #say(failing: Failing, row: Row, what: string): void {
    this.#add(failing, `job ${row.id} (attempt ${row.attempt}) ${what}`);
  }

  #add(failing: Failing, what: string): void {
    this.#counts[failing] += 1;
    if (this.#counts[failing] <= EXAMPLES) this.#examples.push(`${failing}: ${what}`);
  }
}
