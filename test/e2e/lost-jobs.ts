import { until } from "../servers/programs.ts";

/**
 * Waits until no job waits any more. @param sql runs a query as the superuser; rows without a header
 * @returns those of the accepted jobs that did not succeed
 */
export async function lostJobs(sql: (query: string) => Promise<string>, accepted: readonly string[]) {
  const left = () => sql("SELECT count(*) FROM jobs WHERE state IN ('queued', 'active', 'retrying')");
  await until("no job waits", async () => (await left()) === "0", 300_000);
  const done = new Set((await sql("SELECT id FROM jobs WHERE state = 'succeeded'")).split("\n"));
  return accepted.filter((id) => !done.has(id));
}
