import { UserError } from "../../toolchain/command.ts";

/** A part of the product that is taken out while it is bundled: the oracle has to notice. */
export interface Mutant {
  readonly what: string;
  /** Faults under which it shows. */
  readonly faults: readonly string[];
  readonly edits: readonly Edit[];
}

interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** The reconciler's look after overdue jobs mends what others leave undone: it goes with them, or nothing would show. */
const NO_OVERDUE_CHECK: Edit = {
  file: "jobs/reconciler.ts",
  from: "checkNext: async () => {",
  to: "checkNext: async () => { if (pool) return 0;",
};

export const MUTANTS: Readonly<Record<string, Mutant>> = {
  "no-outbox": {
    what: "a job is inserted without a row in the outbox; the API hands its wake-up to Redis after the commit, and that is all",
    faults: ["crash-accept", "api-kill", "network-cut-redis"],
    edits: [
      NO_OVERDUE_CHECK,
      {
        file: "jobs/store.ts",
        from: "SELECT id, id, 0, queue, priority, run_at FROM job\n",
        to: "SELECT id, id, 0, queue, priority, run_at FROM job WHERE false\n",
      },
    ],
  },
  "no-fencing": {
    what: "an end is committed whoever holds the job by now",
    faults: ["worker-stop"],
    edits: [
      {
        file: "jobs/ending.ts",
        from: "WHERE j.id = a.id AND j.attempt = a.attempt AND ${ACTIVE}",
        to: "WHERE j.id = a.id AND (a.outcome = 'succeeded' OR (j.attempt = a.attempt AND ${ACTIVE}))",
      },
      {
        // The record of attempts is a second fence; without it what the first one does can be seen.
        file: "jobs/ending.ts",
        from: "worker, outcome, error, started_at, now() FROM ended\n",
        to: "worker, outcome, error, started_at, now() FROM ended ON CONFLICT DO NOTHING\n",
      },
    ],
  },
  "no-fill": {
    what: "a Redis that was wiped is not filled again",
    faults: ["redis-flush"],
    edits: [
      NO_OVERDUE_CHECK,
      {
        file: "jobs/reconciler.ts",
        from: "return filled === now ? 0 : fill(",
        to: "return filled !== undefined ? 0 : fill(",
      },
    ],
  },
  "naive-relay": {
    what: "the relay commits its deletion before it sends",
    faults: ["network-cut-redis"],
    edits: [
      NO_OVERDUE_CHECK,
      {
        file: "jobs/relay.ts",
        from: "if (rows.length > 0) await wake.add(rows.map(toWakeUp));",
        to: 'if (rows.length > 0) { await client.query("COMMIT; BEGIN"); await wake.add(rows.map(toWakeUp)); }',
      },
    ],
  },
};

/**
 * Changes a source as a mutant asks.
 *
 * @throws UserError where the text to be replaced is not there any more: the mutant would be the product itself
 */
export function mutatorOf(name: string | undefined): (file: string, source: string) => string {
  if (name === undefined) return (_file, source) => source;
  const mutant = MUTANTS[name];
  if (!mutant) throw new UserError(`--mutant is ${name}; allowed: ${Object.keys(MUTANTS).join(", ")}`);
  return (file, source) => {
    let mutated = source;
    for (const { file: where, from, to } of mutant.edits) {
      if (where !== file) continue;
      if (!mutated.includes(from))
        throw new UserError(`mutant ${name}: ${file} does not hold ${JSON.stringify(from)}; correct mutants.ts`);
      mutated = mutated.replace(from, () => to);
    }
    return mutated;
  };
}
