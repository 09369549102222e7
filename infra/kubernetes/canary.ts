import type { KubeConfig } from "@kubernetes/client-node";
import { log, ResourceHook, type ResourceHookArgs } from "@pulumi/pulumi";
import { CANARY_GIVEN_UP, type CanaryPlan } from "../plan/canary.ts";
import { cleanlyGivenUp } from "../plan/cleanly.ts";
import { CanaryPods, type NewDeployment } from "./canary-pods.ts";
import { clusterClient, type Where } from "./cluster-client.ts";
import { endCanaries } from "./end-canaries.ts";

export interface CanaryHookArgs {
  readonly plan: CanaryPlan;
  readonly where: Where;
  /** Seconds that new pods may take to become ready. */
  readonly readySeconds: number;
  readonly others: Canaries;
  /** What tells pods of the new release from those that serve besides. @default nothing that a Service goes by */
  readonly labels?: Readonly<Record<string, string>>;
  /** Compares pods of the new release with those that serve; throws where they are worse. */
  readonly run: (args: CanaryArgs) => Promise<void>;
  /** What is done once it was worse, or another one that ran beside. @default run has cleared up by itself */
  readonly giveUp?: (args: CanaryArgs) => Promise<void>;
}

/** Canaries of one release, which run side by side: where one is worse, none goes on to its rollout. */
export class Canaries {
  #fault: string | undefined;
  readonly #begun: Promise<void>[] = [];

  /** What is said of the first that was worse; nothing while none is. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /**
   * Runs one; where it is good, waits until all that have begun by then are.
   *
   * @throws what it throws, or Error where another one was worse
   */
  async run(service: string, canary: () => Promise<void>): Promise<void> {
    const own = canary().catch((error: unknown) => {
      this.#fault ??= `the canary of ${service} was given up`;
      throw error;
    });
    this.#begun.push(own);
    await own;
    await Promise.allSettled(this.#begun);
    if (this.#fault !== undefined) throw new Error(`${CANARY_GIVEN_UP}: ${this.#fault}.`);
  }
}

export interface CanaryArgs {
  readonly config: KubeConfig;
  readonly namespace: string;
  /** Name of the container in its pods, which is the service's. */
  readonly container: string;
  readonly pods: CanaryPods;
  readonly plan: CanaryPlan;
  readonly others: Canaries;
}

/** What runs before the cluster rolls a service's Deployment out: pods of the new release beside the old. */
export function canaryHook(service: string, { plan, where, readySeconds, ...args }: CanaryHookArgs): ResourceHook {
  return new ResourceHook(`${service}-canary`, async ({ newInputs }: ResourceHookArgs) => {
    const config = await clusterClient(where);
    const wanted = newInputs as NewDeployment;
    const { namespace } = wanted.metadata;
    // Of a deploy that failed or was killed: its pods may have the requests still, and must not change under them.
    const left = await endCanaries({ config, namespace, service });
    const { others, run, giveUp, labels = {} } = args;
    const pods = await CanaryPods.open({ config, wanted, readySeconds, labels });
    if (left > 0) await pods.scale(0);
    const canary: CanaryArgs = { config, namespace, container: service, pods, plan, others };
    await cleanlyGivenUp(
      () => others.run(service, () => run(canary)),
      () => giveUp?.(canary) ?? Promise.resolve(),
      (text) => log.warn(text),
    );
  });
}

/** Shares of a canary that are pods beside others; all of them is the rollout itself. */
export function sharesBeside({ shares }: CanaryPlan): readonly number[] {
  return shares.filter((percent) => percent < 100);
}
