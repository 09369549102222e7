import type { Redis } from "ioredis";
import { createBacklogCounter } from "./backlog.ts";
import { run, type Queryable } from "./database.ts";
import { databaseChecks, failingChecks, redisCheck } from "./health.ts";
import type { Migration } from "./migrations.ts";

/** How a stack stands from within. */
export interface Look {
  /** What does not answer as it must, and why. */
  readonly failing: readonly { readonly dependency: string; readonly reason: string }[];
  /** Migrations that the database has. Those of before there were phases have none until the next migrate. */
  readonly applied: readonly { readonly version: number; readonly file: string; readonly phase: string | null }[];
  /** Migrations of this release that it has not: they wait for releases of before to go. */
  readonly waiting: readonly string[];
  /** How long the oldest job waits that may run, in seconds; 0 where none does. */
  readonly oldestDueSeconds: number;
}

/** Phases came with a migrate: a database that was migrated before has no such column. */
const APPLIED = {
  name: "migrations-applied",
  text: `SELECT version, name AS file, to_jsonb(schema_migrations) ->> 'phase' AS phase FROM schema_migrations ORDER BY version`,
};

/** No limit is asked for: nobody is refused here. */
const NO_LIMITS = { perQueue: Number.MAX_SAFE_INTEGER, perTenant: Number.MAX_SAFE_INTEGER };

/** No probe waits here: a deploy must not stop, nor forget what it is to do, since a busy machine was late. To connect has 5 s of these. */
const WITHIN_MS = 10_000;

/** Looks at everything that a deploy wants to know before and after. What needs a database that is away is left empty. */
export async function look(db: Queryable, redis: Redis, migrations: readonly Migration[]): Promise<Look> {
  const failing = await failingChecks([...databaseChecks(db), redisCheck(redis)], WITHIN_MS);
  if (failing.some(({ dependency }) => dependency === "database"))
    return { failing, applied: [], waiting: [], oldestDueSeconds: 0 };
  const applied = await run<Look["applied"][number]>(db, APPLIED);
  const { rows } = await createBacklogCounter(db, NO_LIMITS).read();
  return {
    failing,
    applied,
    waiting: migrations
      .filter(({ version }) => !applied.some((one) => one.version === version))
      .map(({ file }) => file),
    oldestDueSeconds: Math.max(0, ...rows.map(({ oldestDueSeconds }) => oldestDueSeconds)),
  };
}
