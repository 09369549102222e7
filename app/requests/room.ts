import type { BacklogCounter, Full } from "../../jobs/backlog.ts";
import { RequestProblem } from "../problems.ts";

/**
 * Refuses jobs that there is no room for. Almost always there is, and nothing to wait for.
 *
 * @throws RequestProblem `queue-full`
 */
export function admitJobs(
  backlog: BacklogCounter,
  tenant: string,
  queue: string,
  jobs: number,
): Promise<void> | undefined {
  const full = backlog.admit(tenant, queue, jobs);
  if (full instanceof Promise) {
    return full.then((found) => {
      refuse(found, queue);
    });
  }
  refuse(full, queue);
  return undefined;
}

function refuse(full: Full | undefined, queue: string): void {
  if (!full) return;
  const { what, limit, retryAfterSeconds } = full;
  const whose = what === "queue" ? `the queue ${queue}` : "this tenant";
  throw new RequestProblem(
    "queue-full",
    `${whose} has ${limit} pending jobs or nearly so, more are not taken; try again later`,
    {
      headers: { "retry-after": retryAfterSeconds },
    },
  );
}
