import { run, type Queryable } from "../../jobs/database.ts";

/**
 * A worker's name begins with its host's, which in a cluster is the pod's. Who is dead counts too: its pod is no more, and nobody asks
 * for it.
 */
const BUSY = {
  name: "busy-hosts",
  text: `SELECT DISTINCT split_part(w.name, ':', 1) AS host FROM workers w
         WHERE EXISTS (SELECT FROM jobs j WHERE j.worker = w.id AND j.state = 'active')`,
};

/** Hosts of the workers that run a job. */
export async function busyHosts(db: Queryable): Promise<ReadonlySet<string>> {
  const rows = await run<{ host: string }>(db, BUSY);
  return new Set(rows.map(({ host }) => host));
}
