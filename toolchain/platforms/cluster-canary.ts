import { setTimeout as sleep } from "node:timers/promises";
import { AppsV1Api, CoreV1Api } from "@kubernetes/client-node";
import { CANARY_SELECTOR } from "../../infra/kubernetes/canary-pods.ts";
import type { ClusterPlace } from "./pod-exec.ts";

/** Pods that are told to end take no new requests; in milliseconds. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 500;

/** Takes away the pods of canaries that nobody watches any more; gives how many Deployments those were. What serves is told without them then. */
export async function removeCanaries({ config, namespace }: ClusterPlace): Promise<number> {
  const apps = config.makeApiClient(AppsV1Api);
  const { items } = await apps.listNamespacedDeployment({ namespace, labelSelector: CANARY_SELECTOR });
  for (const { metadata } of items)
    await apps.deleteNamespacedDeployment({ name: metadata?.name ?? "", namespace, propagationPolicy: "Foreground" });
  const core = config.makeApiClient(CoreV1Api);
  const deadline = performance.now() + PATIENCE_MS;
  const stays = async () => {
    const pods = await core.listNamespacedPod({ namespace, labelSelector: CANARY_SELECTOR });
    return pods.items.some(({ metadata }) => metadata?.deletionTimestamp === undefined);
  };
  while ((await stays()) && performance.now() < deadline) await sleep(PAUSE_MS);
  return items.length;
}
