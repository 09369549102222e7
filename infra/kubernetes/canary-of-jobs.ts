import { setTimeout as sleep } from "node:timers/promises";
import { log } from "@pulumi/pulumi";
import { CANARY_GIVEN_UP, CANARY_LIMITS, CANARY_SAID, isBlueGreen, type CanaryPlan } from "../plan/canary.ts";
import { JobTally } from "../plan/canary-jobs.ts";
import { sharesBeside, type CanaryArgs } from "./canary.ts";
import type { Side } from "./followed-pods.ts";
import { podsBeside } from "./pods-beside.ts";

/**
 * One worker pod of the new release beside the old, for the time of all shares: it takes jobs of the same queues, and attempts of both are compared. Where
 * few jobs come nothing is said against it.
 *
 * @throws Error where it is worse; its pod goes then, and not a pod of those that work was touched
 */
export async function canaryOfJobs(args: CanaryArgs): Promise<void> {
  const { container, plan } = args;
  const jobs = new JobTally();
  const take = (side: Side, line: string) => {
    jobs.take(side, line);
  };
  await podsBeside(args, take, async ({ scale, unwell }) => {
    await scale(1);
    // A worker of before may go meanwhile, as an autoscaler decides: its log says no more then, which is no fault.
    const why = await watch(secondsBeside(plan), async () => jobs.worse ?? (await unwell()));
    if (why !== undefined) throw new Error(`${CANARY_GIVEN_UP}: ${why}. Its pod goes.\n${container}: ${String(jobs)}`);
    await log.info(`${CANARY_SAID} of ${container} is good. ${String(jobs)}`);
  });
}

/** As long as requests take: all shares; or the look at the release before and that at the new one. */
function secondsBeside(plan: CanaryPlan): number {
  return plan.seconds * (isBlueGreen(plan) ? 2 : sharesBeside(plan).length);
}

/** Looks again and again for so many seconds; gives what was bad first. */
async function watch(seconds: number, bad: () => Promise<string | undefined>): Promise<string | undefined> {
  for (let passed = 0; passed < seconds; passed += CANARY_LIMITS.lookEverySeconds) {
    await sleep(1000 * Math.min(CANARY_LIMITS.lookEverySeconds, seconds - passed));
    const why = await bad();
    if (why !== undefined) return why;
  }
  return undefined;
}
