import { setTimeout as sleep } from "node:timers/promises";
import { log } from "@pulumi/pulumi";
import { z } from "zod";
import { parseJson } from "../../configs/json.ts";
import { CANARY_SAID } from "../plan/canary.ts";
import type { Answered } from "../plan/canary-figures.ts";
import { runCanary, Tally } from "../plan/canary-run.ts";
import { sharesBeside, type CanaryArgs } from "./canary.ts";
import type { Side } from "./followed-pods.ts";
import { podsBeside } from "./pods-beside.ts";

/**
 * Pods of the new release beside the old, behind the same Service, judged by what both write of each request. Where they are worse the update fails, and
 * not a pod of those that serve was touched.
 */
export async function canaryOfRequests(args: CanaryArgs): Promise<void> {
  const { plan } = args;
  const tally = new Tally();
  await podsBeside(args, tallying(tally), async ({ serving, followed, scale, unwell }) => {
    const world = {
      send: async (percent: number) => {
        const count = podsOf(percent, serving);
        await scale(count);
        if (count > 0) await log.info(shareText(percent, count, serving));
      },
      unwell: async () => (await unwell()) ?? followed.broken.before,
      say: (text: string) => log.info(text),
      sleep: (seconds: number) => sleep(seconds * 1000),
    };
    await runCanary({ ...plan, shares: sharesBeside(plan) }, world, tally);
  });
}

/** Adds what pods write of requests. */
export function tallying(tally: Tally): (side: Side, line: string) => void {
  return (side, line) => {
    const seen = readRequest(line);
    if (seen) tally.add(side, seen);
  };
}

function shareText(percent: number, count: number, before: number): string {
  return `${CANARY_SAID}: ${percent} % wanted, ${count} of ${count + before} pods are of the new release.`;
}

/**
 * Pods behind one Service share connections by their number. Never more of the new release than of the old: the rollout that follows has room for so many.
 *
 * @param percent that the new release shall have
 * @param before how many pods serve
 */
export function podsOf(percent: number, before: number): number {
  if (percent === 0) return 0;
  return Math.min(before, Math.max(1, Math.round((percent / (100 - percent)) * before)));
}

/** A line of the API's log, as app/plugins/access-log.ts writes it. */
const accessSchema = z.object({
  msg: z.literal("request"),
  route: z.string().optional(),
  status: z.int(),
  milliseconds: z.number(),
});

/** A request that was answered; nothing where the line is of something else. A stream of events lasts as long as its job, and says nothing of a release. */
export function readRequest(line: string): Answered | undefined {
  const { data } = accessSchema.safeParse(parseJson(line));
  if (data === undefined || data.route?.endsWith("/events") === true) return undefined;
  return { status: data.status, milliseconds: data.milliseconds };
}
