import { setTimeout as sleep } from "node:timers/promises";
import { log, ResourceHook, type ResourceHookArgs } from "@pulumi/pulumi";
import { BLUE_GREEN_SAID } from "../plan/canary.ts";
import { runCanary, Tally, type CanaryWorld } from "../plan/canary-run.ts";
import type { CanaryArgs } from "./canary.ts";
import { CanaryPods, type NewDeployment } from "./canary-pods.ts";
import { tallying } from "./canary-of-requests.ts";
import { clusterClient, type Where } from "./cluster-client.ts";
import { podsBeside, type PodsBeside } from "./pods-beside.ts";
import { Traffic } from "./traffic.ts";

/**
 * As many pods of the new release as serve now, which get nothing until all are ready, and then everything at one moment. They are judged by what both
 * write of each request, and keep everything until the service's own Deployment has rolled out behind them.
 *
 * @throws CanaryError where they are worse: everything goes back at once, and not a pod of those before was touched
 */
export async function blueGreen(args: CanaryArgs): Promise<void> {
  const { plan, config, namespace, container: service } = args;
  const traffic = await Traffic.open({ config, namespace, service });
  await traffic.keepGreenOut();
  const tally = new Tally();
  const compare = async (beside: PodsBeside) => {
    await beside.scale(beside.serving);
    await log.info(readyText(beside.serving));
    await runCanary(plan, worldOf(traffic, beside), tally);
  };
  // A bad one goes by endBlueGreen, where requests have gone back before.
  await podsBeside(args, tallying(tally), compare, () => Promise.resolve());
}

function readyText(pods: number): string {
  return `${BLUE_GREEN_SAID}: ${pods} pods of the new release are ready, and get nothing yet; those before are measured.`;
}

/** What a switch is to who judges: all, or nothing. */
export function worldOf(
  traffic: Pick<Traffic, "toGreen" | "back">,
  { serving, unwell }: Pick<PodsBeside, "serving" | "unwell">,
): CanaryWorld {
  return {
    send: async (percent) => {
      if (percent === 0) {
        await traffic.back();
        return;
      }
      await traffic.toGreen();
      await log.info(`${BLUE_GREEN_SAID}: all requests go to the ${serving} pods of the new release.`);
    },
    // A pod of before may go meanwhile, as an autoscaler decides: that is no fault of the new release.
    unwell,
    say: (text) => log.info(text),
    sleep: (seconds) => sleep(seconds * 1000),
  };
}

/** What is left of one: requests go to the service's own pods, and then the green ones go, as long as they may take for that. */
export async function endBlueGreen({ config, namespace, container: service, pods }: EndArgs): Promise<void> {
  const traffic = await Traffic.open({ config, namespace, service });
  if (!(await traffic.back()))
    throw new Error(
      `No pod of the Deployment ${service} is ready, so that all requests stay with ${service}-canary. ` +
        `See: kubectl get pods --namespace ${namespace}`,
    );
  await pods.scale(0);
}

type EndArgs = Pick<CanaryArgs, "config" | "namespace" | "container" | "pods">;

/** What runs once a Deployment has rolled out: its own pods get the requests, where green ones had them, be it since a deploy that failed. */
export function rolledOutHook(service: string, where: Where): ResourceHook {
  return new ResourceHook(`${service}-rolled-out`, async ({ newInputs }: ResourceHookArgs) => {
    const config = await clusterClient(where);
    const wanted = newInputs as NewDeployment;
    const pods = await CanaryPods.open({ config, wanted, readySeconds: 0 });
    await endBlueGreen({ config, namespace: wanted.metadata.namespace, container: service, pods });
  });
}
