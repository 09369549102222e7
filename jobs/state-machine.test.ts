import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import { claimJob, endAttempts, type AttemptEnd, type Claim } from "./attempts.ts";
import { cancelBatch, insertBatch } from "./batches.ts";
import { MAX_LOSSES } from "./ending.ts";
import { ENDED_STATES, JOB_STATES, TRANSITIONS, type JobState } from "./job.ts";
import { cancelJob, retryJob } from "./lifecycle.ts";
import { insertJob } from "./store.ts";
import { registerWorker, takeOver } from "./worker-lease.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

const ENDS = ["succeeded", "failed", "dead", "lost", "handed-back", "cancelled"] as const;
type End = (typeof ENDS)[number];
const JOBS = ["1", "2", "3", "9"] as const; // A lone job, two members, their aggregate.
type Id = (typeof JOBS)[number];
const MEMBERS: readonly Id[] = ["2", "3"];
const AGGREGATE = "9";

type Action =
  | { readonly do: "claim" | "cancel" | "retry"; readonly id: Id }
  /** With the newest token of the job, or an older one. */
  | { readonly do: "end"; readonly id: Id; readonly as: End; readonly stale: boolean }
  | { readonly do: "cancel batch" | "worker dies" };

interface Model {
  state: JobState;
  attempt: number;
  failures: number;
  losses: number;
  waits_for: number;
  members_failed: number;
  cancel: boolean;
  code: string | undefined;
}

const id = fc.constantFrom(...JOBS);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("claim" as const), id }) },
  {
    weight: 6,
    arbitrary: fc.record({
      ...{ do: fc.constant("end" as const), id, as: fc.constantFrom(...ENDS) },
      stale: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), id }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("retry" as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cancel batch" as const, "worker dies" as const) }) },
);

function hasEnded(state: JobState): boolean {
  return ENDED_STATES.some((ended) => ended === state);
}

/** What the database should hold, by the words of docs/jobs.md rather than by SQL. */
class Expected {
  readonly jobs: Record<Id, Model>;
  readonly #fails: boolean;

  constructor(policy: "fail" | "continue") {
    this.#fails = policy === "fail";
    const fresh = (state: JobState, waits: number): Model => ({
      ...{
        state,
        attempt: 0,
        failures: 0,
        losses: 0,
        waits_for: waits,
        members_failed: 0,
        cancel: false,
        code: undefined,
      },
    });
    this.jobs = { 1: fresh("queued", 0), 2: fresh("queued", 0), 3: fresh("queued", 0), 9: fresh("blocked", 2) };
  }

  go(job: Id, state: JobState): void {
    this.jobs[job].state = state;
    if (!hasEnded(state) || !MEMBERS.includes(job)) return;
    const aggregate = this.jobs[AGGREGATE];
    aggregate.waits_for -= 1;
    if (state !== "succeeded") aggregate.members_failed += 1;
    if (aggregate.state !== "blocked" || aggregate.waits_for > 0) return;
    const dies = this.#fails && aggregate.members_failed > 0;
    aggregate.state = dies ? "dead" : "queued";
    if (dies) aggregate.code = "member-failed";
  }

  claim(job: Id): void {
    const model = this.jobs[job];
    if (model.state !== "queued" && model.state !== "retrying") return;
    model.attempt += 1;
    this.go(job, "active");
  }

  end(job: Id, attempt: number, as: End, code: string = as): void {
    const model = this.jobs[job];
    if (model.state !== "active" || model.attempt !== attempt) return;
    if (as === "failed" || as === "dead") model.failures += 1;
    if (as === "lost") model.losses += 1;
    if (as === "succeeded") model.code = undefined;
    else if (as !== "handed-back" && as !== "cancelled") model.code = code;
    this.go(job, this.#next(model, as));
  }

  #next(model: Model, as: End): JobState {
    if (as === "succeeded") return "succeeded";
    if (as === "cancelled" || model.cancel) return "cancelled";
    if (as === "failed") return "retrying";
    return as === "dead" || (as === "lost" && model.losses >= MAX_LOSSES) ? "dead" : "queued";
  }

  cancel(job: Id): void {
    const model = this.jobs[job];
    if (model.state === "active") model.cancel = true;
    else if (!hasEnded(model.state)) this.go(job, "cancelled");
  }

  retry(job: Id): void {
    const model = this.jobs[job];
    if (model.state !== "dead" && model.state !== "cancelled") return;
    if (model.waits_for === 0 && model.members_failed > 0 && this.#fails) return;
    Object.assign(model, { failures: 0, losses: 0, cancel: false, code: undefined });
    model.state = model.waits_for > 0 ? "blocked" : "queued";
    if (!MEMBERS.includes(job)) return;
    const aggregate = this.jobs[AGGREGATE];
    aggregate.waits_for += 1;
    aggregate.members_failed -= 1;
    if (aggregate.state === "dead" && aggregate.code === "member-failed") {
      Object.assign(aggregate, { state: "blocked", code: undefined });
    }
  }

  cancelBatch(): void {
    this.cancel(AGGREGATE);
    for (const member of MEMBERS) this.cancel(member);
  }
}

/** The database, driven by the same actions. */
class Real {
  worker = "";
  readonly claims: Record<Id, Claim[]> = { 1: [], 2: [], 3: [], 9: [] };

  async prepare(onMemberFailure: "fail" | "continue"): Promise<void> {
    await stack.reset();
    this.worker = await registerWorker(stack.pool, "w", ["default"]);
    const common = { tenant: "default", kind: "sum", queue: "default", params: {} };
    await insertJob(stack.pool, { id: "1", ...common });
    const members = MEMBERS.map((member) => ({ id: member, params: {} }));
    const aggregate = { id: AGGREGATE, kind: "sum", queue: "default", params: {} };
    await insertBatch(stack.pool, {
      id: "100",
      ...common,
      priority: 0,
      delayMs: 0,
      members,
      aggregate,
      onMemberFailure,
    });
  }

  async claim(job: Id): Promise<void> {
    const outcome = await claimJob(stack.pool, job, this.worker);
    if (outcome.outcome === "claimed") this.claims[job].push(outcome.claim);
  }

  /** Gives the attempt that it was tried for. */
  async end(job: Id, as: End, stale: boolean): Promise<number | undefined> {
    const claim = this.claims[job].at(stale ? -2 : -1);
    if (claim) await endAttempts(stack.pool, [endOf(claim, as)]);
    return claim?.attempt;
  }

  async workerDies(): Promise<void> {
    await stack.pool.query("UPDATE workers SET lease_until = now() - interval '1 s' WHERE id = $1", [this.worker]);
    await takeOver(stack.pool);
    this.worker = await registerWorker(stack.pool, "w", ["default"]);
  }

  async rows(): Promise<Record<string, Model>> {
    const { rows } = await stack.pool.query<Model & { id: string }>(
      `SELECT id, state, attempt, failures, losses, waits_for, members_failed, cancel_requested_at IS NOT NULL AS cancel,
         error->>'code' AS code FROM jobs`,
    );
    return Object.fromEntries(rows.map(({ id: job, code, ...rest }) => [job, { ...rest, code: code ?? undefined }]));
  }

  /** Nothing may wait for ever: what may start has a wake-up of its newest attempt, and only what ran has left records. */
  async unwoken(): Promise<{ id: string }[]> {
    const { rows } = await stack.pool.query<{ id: string }>(
      `SELECT id FROM jobs j WHERE state IN ('queued', 'retrying')
         AND NOT EXISTS (SELECT FROM outbox o WHERE o.job_id = j.id AND o.attempt = j.attempt)
       UNION ALL SELECT id FROM jobs j WHERE (SELECT count(*) FROM attempts a WHERE a.job_id = j.id)
         <> j.attempt - (j.state = 'active')::int`,
    );
    return rows;
  }
}

function endOf(claim: Claim, as: End): AttemptEnd {
  switch (as) {
    case "succeeded":
      return { claim, outcome: "succeeded", result: {}, artifact: undefined };
    case "failed":
    case "dead":
      return {
        ...{ claim, outcome: "failed", failure: { code: as, message: "" } },
        retryInMs: as === "failed" ? 0 : undefined,
      };
    case "lost":
      return { claim, outcome: "lost", failure: { code: "lost", message: "" } };
    case "handed-back":
    case "cancelled":
      return { claim, outcome: as };
  }
}

async function perform(step: Action, real: Real, expected: Expected): Promise<void> {
  switch (step.do) {
    case "claim":
      await real.claim(step.id);
      expected.claim(step.id);
      return;
    case "end": {
      const attempt = await real.end(step.id, step.as, step.stale);
      if (attempt !== undefined) expected.end(step.id, attempt, step.as);
      return;
    }
    case "cancel":
      await cancelJob(stack.pool, "default", step.id);
      expected.cancel(step.id);
      return;
    case "retry":
      await retryJob(stack.pool, "default", step.id);
      expected.retry(step.id);
      return;
    case "cancel batch":
      await cancelBatch(stack.pool, "default", "100");
      expected.cancelBatch();
      return;
    case "worker dies":
      await real.workerDies();
      for (const job of JOBS) expected.end(job, expected.jobs[job].attempt, "lost", "worker-lost");
  }
}

const seen = new Set<string>();
function note(before: Record<string, Model>, after: Record<string, Model>): void {
  for (const job of JOBS) {
    const [from, to] = [before[job]?.state, after[job]?.state];
    if (from === undefined || to === undefined || from === to) continue;
    const legal: readonly JobState[] = TRANSITIONS[from];
    if (!legal.includes(to)) throw new Error(`job ${job} went from ${from} to ${to}`);
    seen.add(`${from} -> ${to}`);
  }
}

it("does what the table of states says and nothing else, whatever happens in whatever order", async () => {
  const policies = fc.constantFrom("fail" as const, "continue" as const);
  const property = fc.asyncProperty(
    policies,
    fc.array(action, { minLength: 10, maxLength: 60, size: "max" }),
    async (policy, steps) => {
      const [real, expected] = [new Real(), new Expected(policy)];
      await real.prepare(policy);
      let before = await real.rows();
      for (const step of steps) {
        await perform(step, real, expected);
        const after = await real.rows();
        expect(after).toEqual(expected.jobs);
        note(before, after);
        before = after;
      }
      expect(await real.unwoken()).toEqual([]);
    },
  );
  await fc.assert(property, { numRuns: 60, seed: 20261123 });
  const all = JOB_STATES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} -> ${to}`));
  expect([...seen].sort()).toEqual(all.sort());
}, 120_000);

it("is what docs/jobs.md tells", () => {
  const text = readFileSync(new URL("../docs/jobs.md", import.meta.url), "utf8");
  const lines = [...text.matchAll(/^\| `(?<state>\w+)` +\|[^|]*\|(?<next>[^|]*)\|$/gm)];
  const told = lines.map(({ groups }) => {
    const names = (groups?.["next"] ?? "").replaceAll(/\([^)]*\)/g, "").split(",");
    return [groups?.["state"], names.map((name) => name.trim()).filter((name) => name !== "")];
  });
  expect(Object.fromEntries(told)).toEqual(TRANSITIONS);
});
