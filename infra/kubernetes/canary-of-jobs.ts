import { setTimeout as sleep } from "node:timers/promises";
import { log } from "@pulumi/pulumi";
import { CANARY_GIVEN_UP, CANARY_SAID } from "../plan/canary.ts";
import { JobTally } from "../plan/canary-jobs.ts";
import { cleanly } from "../plan/cleanly.ts";
import { sharesBeside, type CanaryArgs } from "./canary.ts";
import { FollowedPods } from "./followed-pods.ts";

/** Seconds between two looks at what workers came to. */
const LOOK_EVERY_SECONDS = 2;

/**
 * One worker pod of the new release beside the old, for the time of all shares: it takes jobs of the same queues, and attempts of both are compared. Where
 * few jobs come nothing is said against it.
 *
 * @throws Error where it is worse; its pod goes then, and not a pod of those that work was touched
 */
export async function canaryOfJobs({ config, namespace, container, pods, ...args }: CanaryArgs): Promise<void> {
  const before = await pods.serving();
  if (before.length === 0) {
    await log.info(`${CANARY_SAID}: none of ${container}, as none of before runs: there is nothing to compare.`);
    return;
  }
  const jobs = new JobTally();
  const followed = new FollowedPods({ config, namespace, container }, (side, line) => {
    jobs.take(side, line);
  });
  for (const pod of before) followed.follow(pod, "before");
  await cleanly(
    async () => {
      await pods.scale(1);
      for (const pod of await pods.own()) followed.follow(pod, "release");
      // A worker of before may go meanwhile, as an autoscaler decides: its log says no more then, which is no fault.
      const bad = async () => (await pods.unwell()) ?? followed.broken.release ?? jobs.worse ?? args.others.fault;
      const why = await watch(args.plan.seconds * sharesBeside(args.plan).length, bad);
      if (why !== undefined)
        throw new Error(`${CANARY_GIVEN_UP}: ${why}. Its pod goes.\n${container}: ${String(jobs)}`);
      await log.info(`${CANARY_SAID} of ${container} is good. ${String(jobs)}`);
    },
    async () => {
      followed.end();
      await pods.scale(0);
    },
    (text) => log.warn(text),
  );
}

/** Looks again and again for so many seconds; gives what was bad first. */
async function watch(seconds: number, bad: () => Promise<string | undefined>): Promise<string | undefined> {
  for (let passed = 0; passed < seconds; passed += LOOK_EVERY_SECONDS) {
    await sleep(1000 * Math.min(LOOK_EVERY_SECONDS, seconds - passed));
    const why = await bad();
    if (why !== undefined) return why;
  }
  return undefined;
}
