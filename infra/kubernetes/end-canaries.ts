import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { absent } from "./absent.ts";
import { CANARY_SELECTOR } from "./canary-pods.ts";
import { SERVICE_LABEL } from "./place.ts";
import { Traffic } from "./traffic.ts";

/** Pods that are told to end take no new requests; in milliseconds. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 500;

/** The one service that requests are sent to. */
const API = "api";

export interface CanaryPlace {
  readonly config: KubeConfig;
  readonly namespace: string;
  /** @default all of them */
  readonly service?: string;
}

/**
 * Takes away the pods of canaries that nobody watches any more, green ones among them: requests go to those of before first. Where none of those is ready
 * green ones stay, as nobody else would answer. What serves is told without them then.
 *
 * @returns how many Deployments that were
 */
export async function endCanaries({ config, namespace, service }: CanaryPlace): Promise<number> {
  const { AppsV1Api, CoreV1Api } = await import("@kubernetes/client-node");
  // Whoever ends those of another service has no say in where requests go.
  const isFree = (service ?? API) !== API || (await (await Traffic.open({ config, namespace, service: API })).back());
  const [apps, core] = [config.makeApiClient(AppsV1Api), config.makeApiClient(CoreV1Api)];
  const labelSelector = `${CANARY_SELECTOR}${service === undefined ? "" : `,${SERVICE_LABEL}=${service}`}`;
  const { items } = await apps.listNamespacedDeployment({ namespace, labelSelector });
  const going = items.filter(({ metadata }) => isFree || metadata?.labels?.[SERVICE_LABEL] !== API);
  for (const { metadata } of going) {
    const at = { name: metadata?.name ?? "", namespace };
    await absent(apps.deleteNamespacedDeployment({ ...at, propagationPolicy: "Foreground" }));
  }
  const services = new Set(going.map(({ metadata }) => metadata?.labels?.[SERVICE_LABEL]));
  const deadline = performance.now() + PATIENCE_MS;
  const stays = async () => {
    const pods = await core.listNamespacedPod({ namespace, labelSelector });
    return pods.items.some(
      ({ metadata }) => metadata?.deletionTimestamp === undefined && services.has(metadata?.labels?.[SERVICE_LABEL]),
    );
  };
  while ((await stays()) && performance.now() < deadline) await sleep(PAUSE_MS);
  return going.length;
}
