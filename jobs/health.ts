import { once } from "node:events";
import type { Redis } from "ioredis";
import { run, type Queryable } from "./database.ts";
import { SCHEMA_LEVEL_QUERY } from "./migrate-run.ts";
import { reasonOf } from "./patience.ts";
import { SCHEMA_LEVEL } from "./schema-level.ts";

/** One thing that a process needs. Resolves when it is fine, rejects with the reason when not. */
export interface Check {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** A check that did not pass. */
export interface Failing {
  readonly dependency: string;
  readonly reason: string;
}

/** How long one check may take, in milliseconds. */
const CHECK_TIMEOUT_MS = 2500;

/** How long an answer is used again, in milliseconds: probes from many sides cost one look. */
const FRESH_MS = 500;

/**
 * Runs all checks side by side; gives those that fail, none when the process is ready.
 *
 * @param withinMs how long one may take @default as long as a probe waits
 */
export async function failingChecks(checks: readonly Check[], withinMs = CHECK_TIMEOUT_MS): Promise<Failing[]> {
  const results = await Promise.all(checks.map((check) => runCheck(check, withinMs)));
  return results.filter((result) => result !== undefined);
}

async function runCheck(check: Check, withinMs: number): Promise<Failing | undefined> {
  const timeout = AbortSignal.timeout(withinMs);
  const late = new Promise<never>((_, reject) => {
    timeout.addEventListener("abort", () => {
      reject(new Error(`no answer within ${withinMs} ms`));
    });
  });
  try {
    await Promise.race([check.run(), late]);
    return undefined;
  } catch (error) {
    return { dependency: check.name, reason: reasonOf(error) };
  }
}

/** Remembers the answer for half a second. */
export function createReadiness(checks: readonly Check[]): () => Promise<Failing[]> {
  let asked = Number.NEGATIVE_INFINITY;
  let answer: Promise<Failing[]> = Promise.resolve([]);
  return () => {
    const now = performance.now();
    if (now - asked > FRESH_MS) {
      asked = now;
      answer = failingChecks(checks);
    }
    return answer;
  };
}

/** The database answers and its schema is at the level of this code or a newer one. */
export function databaseChecks(db: Queryable): Check[] {
  return [
    {
      name: "database",
      run: async () => {
        await run(db, { name: "ping", text: "SELECT 1" });
      },
    },
    {
      name: "migrations",
      run: async () => {
        const [row] = await run<{ level: number }>(db, SCHEMA_LEVEL_QUERY);
        const level = row?.level ?? 0;
        if (level < SCHEMA_LEVEL) {
          throw new Error(
            `the database is at migration ${level}, must be at ${SCHEMA_LEVEL} or newer; run the migrate program`,
          );
        }
      },
    },
  ];
}

/** Redis answers and never evicts: a queue that evicts loses wake-ups. */
export function redisCheck(redis: Redis): Check {
  let lastError: Error | undefined;
  redis.on("error", (error) => (lastError = error));
  return {
    name: "redis",
    run: async () => {
      // A connection that is being made is waited for; one that broke is not.
      if (redis.status === "connecting" || redis.status === "connect") await once(redis, "ready");
      if (redis.status !== "ready") throw new Error(lastError ? reasonOf(lastError) : `connection is ${redis.status}`);
      const policy = /^maxmemory_policy:(?<policy>\S+)/m.exec(await redis.info("memory"))?.groups?.["policy"];
      if (policy !== "noeviction") {
        throw new Error(
          `maxmemory-policy is ${policy ?? "unknown"}, must be noeviction; set it in the configuration of Redis`,
        );
      }
    },
  };
}
