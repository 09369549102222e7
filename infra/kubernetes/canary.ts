import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { log, ResourceHook, type ResourceHookArgs } from "@pulumi/pulumi";
import { z } from "zod";
import { parseJson } from "../../configs/json.ts";
import { CANARY_SAID, type CanaryPlan } from "../plan/canary.ts";
import type { Answered } from "../plan/canary-figures.ts";
import { runCanary, Tally } from "../plan/canary-run.ts";
import { CanaryPods, type NewDeployment } from "./canary-pods.ts";
import { clusterClient, type Where } from "./cluster-client.ts";
import { podLog, type LogPlace } from "./pod-log.ts";

export interface CanaryHookArgs {
  readonly plan: CanaryPlan;
  readonly where: Where;
  /** Seconds that new pods may take to become ready. */
  readonly readySeconds: number;
}

/**
 * What runs before the cluster rolls a Deployment out: pods of the new release beside the old, judged by what both write of each request. Where they
 * are worse the update fails, and not a pod of those that serve was touched.
 */
export function canaryHook(service: string, { plan, where, readySeconds }: CanaryHookArgs): ResourceHook {
  return new ResourceHook(`${service}-canary`, async ({ newInputs }: ResourceHookArgs) => {
    const config = await clusterClient(where);
    const pods = await CanaryPods.open({ config, wanted: newInputs as NewDeployment, readySeconds });
    const { namespace } = (newInputs as NewDeployment).metadata;
    await canary({ config, namespace, container: service, pods, plan });
  });
}

interface CanaryArgs {
  readonly config: KubeConfig;
  readonly namespace: string;
  readonly container: string;
  readonly pods: CanaryPods;
  readonly plan: CanaryPlan;
}

async function canary({ config, namespace, container, pods, plan }: CanaryArgs): Promise<void> {
  const before = await pods.serving();
  if (before.length === 0) {
    await log.info(`${CANARY_SAID}: none, as no release serves yet: there is nothing to compare.`);
    return;
  }
  const tally = new Tally();
  const followed = new Followed({ config, namespace, container }, tally);
  for (const pod of before) followed.follow(pod, "before");
  const world = {
    send: async (percent: number) => {
      const count = podsOf(percent, before.length);
      await pods.scale(count);
      for (const pod of await pods.own()) followed.follow(pod, "release");
      if (count > 0)
        await log.info(
          `${CANARY_SAID}: ${percent} % wanted, ${count} of ${count + before.length} pods are of the new release.`,
        );
    },
    unwell: async () => (await pods.unwell()) ?? followed.broken,
    say: (text: string) => log.info(text),
    sleep: (seconds: number) => sleep(seconds * 1000),
  };
  try {
    await runCanary({ ...plan, shares: plan.shares.filter((percent) => percent < 100) }, world, tally);
  } finally {
    followed.end();
    await pods.scale(0);
  }
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

/** Logs of pods that are followed from this moment on. */
class Followed {
  /** Why nothing is known any more. */
  broken: string | undefined;
  readonly #place: Omit<LogPlace, "pod">;
  readonly #tally: Tally;
  readonly #pods = new Set<string>();
  readonly #isOver = new AbortController();

  constructor(place: Omit<LogPlace, "pod">, tally: Tally) {
    this.#place = place;
    this.#tally = tally;
  }

  /** It goes on until {@link end}; where it breaks off before, {@link broken} says so. */
  follow(pod: string, which: "before" | "release"): void {
    if (this.#pods.has(pod)) return;
    this.#pods.add(pod);
    this.#take(pod, which)
      .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
      .then((why) => {
        if (!this.#isOver.signal.aborted)
          this.broken ??= `the log of ${pod} broke off (${why ?? "it has ended"}), and nothing is known of it any more`;
      })
      .catch(() => undefined);
  }

  async #take(pod: string, which: "before" | "release"): Promise<void> {
    const query = { follow: true, sinceTime: new Date().toISOString() };
    for await (const line of podLog({ ...this.#place, pod }, query, this.#isOver.signal)) {
      const seen = readRequest(line);
      if (seen) this.#tally.add(which, seen);
    }
  }

  end(): void {
    this.#isOver.abort();
  }
}
