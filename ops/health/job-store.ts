import { z } from "zod";
import { counted, formatSpan } from "../quantities.ts";
import { atMost, bad, good, unknown, worstOf, type Look } from "./finding.ts";
import type { World } from "./world.ts";

/** Seconds for which a lease may be over until somebody has noticed: the reconciler looks every few. */
const NOTICED_SECONDS = 120;

/** Only walks the small indexes of what has not ended: a store of millions of jobs is looked at in milliseconds. */
export const QUESTION = `SELECT json_build_object(
  'orphans', (SELECT count(*) FROM jobs j JOIN attempts a ON a.job_id = j.id AND a.attempt = j.attempt
              WHERE j.state = 'active' AND a.outcome <> 'active'),
  'stuck', (SELECT count(*) FROM jobs j LEFT JOIN workers w ON w.id = j.worker
            WHERE j.state = 'active' AND (w.id IS NULL OR w.lease_until < now() - interval '${NOTICED_SECONDS} s')),
  'blocked', (SELECT count(*) FROM jobs j WHERE j.state = 'blocked' AND NOT EXISTS
              (SELECT FROM dependencies d JOIN jobs o ON o.id = d.on_id
               WHERE d.job_id = j.id AND o.state NOT IN ('succeeded', 'dead', 'cancelled'))),
  'outbox', (SELECT count(*) FROM outbox WHERE run_at < now() - interval '${NOTICED_SECONDS} s'),
  'connections', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
  'maxConnections', current_setting('max_connections')::int,
  'queues', coalesce((SELECT json_object_agg(queue, due) FROM (
     SELECT queue, extract(epoch FROM now() - min(run_at)) AS due FROM jobs
     WHERE state IN ('queued', 'retrying') AND run_at <= now() GROUP BY queue) waiting), '{}'))`;

const count = z.int().nonnegative();

const answerSchema = z.object({
  ...{ orphans: count, stuck: count, blocked: count, outbox: count, connections: count, maxConnections: count },
  queues: z.record(z.string(), z.number()),
});
export type JobStore = z.infer<typeof answerSchema>;

/** Asks Postgres itself; `undefined` where it is no container of the stack. */
export async function askJobStore({ sight }: Pick<World, "sight">): Promise<JobStore | undefined> {
  const command = `psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host=/run/slipway/postgres --username=postgres --dbname=slipway --command="$QUESTION" 2>&1`;
  const answer = await sight.run("postgres", `QUESTION=$(cat <<'SQL'\n${QUESTION}\nSQL\n)\ntimeout 20 ${command}`);
  if (answer === undefined) return undefined;
  if (answer.code !== 0) throw new Error(`psql ended with ${answer.code}: ${answer.output.slice(0, 300)}`);
  return readJobStore(JSON.parse(answer.output));
}

export function readJobStore(answer: unknown): JobStore {
  return answerSchema.parse(answer);
}

const NOT_OURS = unknown(
  "Postgres is no container that runs in this stack",
  "Look at it where it is, or put the name of this check into slipway:health.ignore.",
);

/** Integrity: rows that say against each other, and what nobody took up again. */
export function judgeDatabase(store: JobStore | undefined, { stack }: Pick<World, "stack">): Look {
  if (store === undefined) return NOT_OURS;
  const none = (found: number, what: string, mend: string) =>
    found === 0 ? [] : [bad(`${counted(found, "job")} ${what}`, mend)];
  const logs = `See: ./slipway logs --stack ${stack} --level warn --since 1h`;
  const share = Math.round((store.connections / store.maxConnections) * 100);
  const connections = `${store.connections} of ${store.maxConnections} connections`;
  return worstOf([
    ...none(store.orphans, "active although their attempt has ended", `A restore or a hand has changed rows. ${logs}`),
    ...none(store.stuck, "held by workers that are gone", `The reconciler does not take them back. ${logs}`),
    ...none(store.blocked, "blocked by nothing", `Their members have all ended. ${logs}`),
    ...(store.outbox === 0
      ? []
      : [
          bad(
            `${counted(store.outbox, "wake-up")} not handed on to Redis`,
            `Does an API run, and Redis answer? ${logs}`,
          ),
        ]),
    atMost(share, { warning: 80, bad: 95 }, connections, "Fewer replicas, or pools that are smaller."),
  ]);
}

export function judgeQueues(store: JobStore | undefined, { settings, stack }: Pick<World, "settings" | "stack">): Look {
  if (store === undefined) return NOT_OURS;
  const waiting = Object.entries(store.queues);
  if (waiting.length === 0) return good("nothing waits");
  return worstOf(
    waiting.map(([queue, seconds]) =>
      atMost(
        seconds,
        settings.queueSeconds,
        `${queue} waits ${formatSpan(seconds)}`,
        `More workers: slipway:worker.replicas in Pulumi.${stack}.yaml, or see why none takes it: ./slipway logs --stack ${stack} worker-cpu`,
      ),
    ),
  );
}
