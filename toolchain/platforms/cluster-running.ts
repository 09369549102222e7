import { AppsV1Api, CoreV1Api } from "@kubernetes/client-node";
import { z } from "zod";
import { isReady } from "../../infra/kubernetes/pod-state.ts";
import { servingApi, type Copy, type Running } from "../deployment/truth.ts";
import type { Deployment, Stack } from "../stack.ts";
import type { Host, Sight } from "./host.ts";
import { migrateInCluster } from "./migrate-again.ts";
import { askInPod, type ClusterPlace } from "./pod-exec.ts";

/** Label that infra/kubernetes/place.ts writes. */
const serviceLabel = (service: string) => ["app.kubernetes.io/name", service].join("=");

/** Starts after which a container counts as one that will not come up by itself. */
const CRASH_LOOP = 3;

const NAMESPACE = "kubernetes:core/v1:Namespace";

/** Namespace of a stack, by its state: an update that failed has left no outputs. */
export function namespaceIn({ deployment }: Deployment): string | undefined {
  return deployment.resources?.find(({ type, urn }) => type === NAMESPACE && urn.endsWith("::namespace"))?.id;
}

const providerSchema = z.looseObject({ inputs: z.looseObject({ kubeconfig: z.string() }) });

/** Content of the kubeconfig that a stack's program made for the cluster that it brought up, by its state. */
export function kubeconfigIn({ deployment }: Deployment): string | undefined {
  const provider = deployment.resources?.find(
    ({ type, urn }) => type === "pulumi:providers:kubernetes" && urn.endsWith("::cluster"),
  );
  return providerSchema.safeParse(provider).data?.inputs.kubeconfig;
}

/**
 * What a host sees and does in a cluster.
 *
 * @param placeOf the stack's part of it; nothing while there is none yet
 */
export function clusterHost(
  placeOf: (stack: Stack) => Promise<ClusterPlace | undefined>,
): Sight & Pick<Host, "migrateAgain" | "keepImages"> {
  return {
    running: async (stack, services) => {
      const place = await placeOf(stack);
      return place === undefined ? { copies: [] } : clusterRunning(place, services);
    },
    withinApi: async (stack, command) => {
      const place = await placeOf(stack);
      const api = place && servingApi(await clusterRunning(place, ["api"]));
      return place && api && askInPod({ ...place, pod: api.name, container: "api" }, command);
    },
    migrateAgain: async (stack, report) => {
      const place = await placeOf(stack);
      if (place !== undefined) await migrateInCluster(place, report);
    },
    // The registry's own rules say how long an image stays, and a pod that finds none says so.
    keepImages: () => Promise.resolve(),
    hasImages: () => Promise.resolve(true),
  };
}

/** What a cluster has running of services: their Deployments, and pods that are not on their way out. */
export async function clusterRunning(
  { config, namespace }: ClusterPlace,
  services: readonly string[],
): Promise<Running> {
  const [apps, core] = [config.makeApiClient(AppsV1Api), config.makeApiClient(CoreV1Api)];
  const { items: deployments } = await apps.listNamespacedDeployment({ namespace });
  const mine = deployments.filter(({ metadata }) => services.includes(metadata?.name ?? ""));
  const copies = await Promise.all(
    services.map(async (service) => {
      const { items } = await core.listNamespacedPod({ namespace, labelSelector: serviceLabel(service) });
      return items.flatMap((pod) => copyOf(service, pod) ?? []);
    }),
  );
  return runningOf(mine, copies.flat());
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Named {
  readonly name?: string;
  readonly deletionTimestamp?: Date;
}

interface Containers {
  readonly containers: readonly { readonly image?: string }[];
}

/** A Deployment, as far as it is looked at. */
export interface SeenDeployment {
  readonly metadata?: Named;
  readonly spec?: { readonly replicas?: number; readonly template: { readonly spec?: Containers } };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** A pod, as far as it is looked at. */
export interface SeenPod {
  readonly metadata?: Named;
  readonly spec?: Containers;
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly SeenContainer[];
  };
}

interface SeenContainer {
  readonly imageID: string;
  readonly restartCount: number;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

/** What Deployments say beside their pods: how many there are to be, from what, and whether the cluster gave up. */
export function runningOf(deployments: readonly SeenDeployment[], copies: readonly Copy[]): Running {
  const named = <T>(value: (deployment: SeenDeployment) => T) =>
    Object.fromEntries(deployments.map((deployment) => [deployment.metadata?.name ?? "", value(deployment)]));
  const faults = deployments.flatMap(({ metadata, status }) =>
    (status?.conditions ?? [])
      .filter(({ type, status: is }) => type === "Progressing" && is === "False")
      .map(({ reason = "", message = "" }) =>
        `${metadata?.name ?? ""}: the cluster gave the rollout up: ${reason} ${message}`.trim(),
      ),
  );
  return {
    copies,
    faults,
    wanted: named(({ spec }) => spec?.replicas ?? 1),
    templates: named(({ spec }) => spec?.template.spec?.containers[0]?.image ?? ""),
  };
}

/** A pod that counts; nothing where it is being deleted or was done. */
export function copyOf(service: string, pod: SeenPod): Copy | undefined {
  const { metadata, spec, status } = pod;
  if (metadata?.deletionTimestamp !== undefined || ["Succeeded", "Failed"].includes(status?.phase ?? ""))
    return undefined;
  const [container] = status?.containerStatuses ?? [];
  const image = imageOf(spec?.containers[0]?.image ?? "", container?.imageID ?? "");
  const common = { service, name: metadata?.name ?? "", image };
  if (isReady(pod)) return { ...common, state: "ready" };
  const reason = container?.state?.waiting?.reason;
  const message = container?.state?.waiting?.message;
  const why = reason ?? (container === undefined ? "it has no node yet" : "its readiness check says no");
  const restarts = container?.restartCount ?? 0;
  const isHopeless =
    restarts >= CRASH_LOOP || /^(ImagePullBackOff|ErrImage|CreateContainer|InvalidImage)/.test(reason ?? "");
  const times = restarts === 0 ? "" : `, started again ${restarts} times`;
  return {
    ...common,
    state: isHopeless ? "failing" : "starting",
    reason: `${why}${times}${message === undefined ? "" : `: ${message}`}`,
  };
}

/**
 * What a pod runs from: the name that it was given, unless that says a digest and the node tells of another. An image that was brought to
 * a node by hand has none that could be compared.
 */
function imageOf(name: string, imageId: string): string {
  const [asked, got] = [name, imageId].map((text) => /@(sha256:[0-9a-f]{64})$/.exec(text)?.[1]);
  return asked === undefined || got === undefined || asked === got ? name : imageId;
}
