import { setTimeout as sleep } from "node:timers/promises";
import { log } from "@pulumi/pulumi";
import { CANARY_GIVEN_UP, CANARY_SAID } from "../plan/canary.ts";
import { JobFigures, readAttempt, worseJobs } from "../plan/canary-jobs.ts";
import { sharesBeside, type CanaryArgs } from "./canary.ts";
import { FollowedPods } from "./followed-pods.ts";

/** Seconds between two looks at what workers came to. */
const LOOK_EVERY_SECONDS = 2;

/**
 * One worker pod of the new release beside the old, for the time of all shares: it takes jobs of the same queues, and attempts of both are compared. Where
 * few jobs come nothing is said against it.
 *
 * @throws Error where it is worse; its pod has gone then, and not a pod of those that work was touched
 */
export async function canaryOfJobs({ config, namespace, container, pods, plan, others }: CanaryArgs): Promise<void> {
  const before = await pods.serving();
  if (before.length === 0) {
    await log.info(`${CANARY_SAID}: none of ${container}, as none of before runs: there is nothing to compare.`);
    return;
  }
  const figures = { before: new JobFigures(), release: new JobFigures() };
  const followed = new FollowedPods({ config, namespace, container }, (side, line) => {
    const outcome = readAttempt(line);
    if (outcome !== undefined) figures[side].add(outcome);
  });
  for (const pod of before) followed.follow(pod, "before");
  const said = () => `the new release: ${String(figures.release)}; the one before: ${String(figures.before)}`;
  try {
    await pods.scale(1);
    for (const pod of await pods.own()) followed.follow(pod, "release");
    const seconds = plan.seconds * sharesBeside(plan).length;
    for (let passed = 0; passed < seconds; passed += LOOK_EVERY_SECONDS) {
      await sleep(1000 * Math.min(LOOK_EVERY_SECONDS, seconds - passed));
      // A worker of before may go meanwhile, as an autoscaler decides: its log says no more then, which is no fault.
      const why = (await pods.unwell()) ?? worseJobs(figures.release, figures.before) ?? others.fault;
      if (why !== undefined) throw new Error(`${CANARY_GIVEN_UP}: ${why}. Its pod goes.\n${container}: ${said()}`);
    }
    await log.info(`${CANARY_SAID} of ${container} is good. ${said()}`);
  } finally {
    followed.end();
    await pods.scale(0);
  }
}
