import { log } from "@pulumi/pulumi";
import { textsOf } from "../plan/canary.ts";
import { cleanly } from "../plan/cleanly.ts";
import type { CanaryArgs } from "./canary.ts";
import { FollowedPods, type Side } from "./followed-pods.ts";

/** Pods of the new release beside those that serve. */
export interface PodsBeside {
  /** How many serve. */
  readonly serving: number;
  readonly followed: FollowedPods;
  /** So many of the new release, ready and followed. */
  readonly scale: (pods: number) => Promise<void>;
  /** What of the new release is not well any more, or of another canary, and why. */
  readonly unwell: () => Promise<string | undefined>;
}

/**
 * Follows the logs of pods of both releases while they are compared; those of the new one go in the end, whatever came of it. Where none serves there
 * is nothing to compare.
 *
 * @param take gets every line
 * @param clearUp what is done with pods of the new release then @default they go
 */
export async function podsBeside(
  { config, namespace, container, pods, others, plan }: CanaryArgs,
  take: (side: Side, line: string) => void,
  compare: (beside: PodsBeside) => Promise<void>,
  clearUp: () => Promise<void> = () => pods.scale(0),
): Promise<void> {
  const before = await pods.serving();
  if (before.length === 0) {
    await log.info(`${textsOf(plan).said}: none of ${container}, as none of before runs: there is nothing to compare.`);
    return;
  }
  const followed = new FollowedPods({ config, namespace, container }, take);
  for (const pod of before) followed.follow(pod, "before");
  const beside: PodsBeside = {
    serving: before.length,
    followed,
    scale: async (count) => {
      await pods.scale(count);
      for (const pod of await pods.own()) followed.follow(pod, "release");
    },
    unwell: async () => (await pods.unwell()) ?? followed.broken.release ?? others.fault,
  };
  await cleanly(
    () => compare(beside),
    async () => {
      followed.end();
      await clearUp();
    },
    (text) => log.warn(text),
  );
}
