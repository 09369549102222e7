import { AppsV1Api, CoreV1Api, Metrics, type V1ContainerStatus, type V1Pod } from "@kubernetes/client-node";
import { SERVICE_LABEL } from "../../infra/kubernetes/place.ts";
import { podLog } from "../../infra/kubernetes/pod-log.ts";
import { isReady } from "../../infra/kubernetes/pod-state.ts";
import { whileElsewhere } from "../../toolchain/command.ts";
import { askInPod, type ClusterPlace } from "../../toolchain/platforms/pod-exec.ts";
import { bytesOf, coresOf } from "./quantity.ts";
import {
  noneOf,
  percentOf,
  timedLine,
  type LogLine,
  type LogQuestion,
  type Seen,
  type Sight,
  type Standing,
  type Usage,
} from "./sight.ts";

/** A stack in a namespace of a cluster. */
export function clusterSight(place: ClusterPlace, stack: string): Sight {
  const { config, namespace } = place;
  const pods = async () => (await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace })).items;
  const servers = async () => (await pods()).filter(isServer);
  return {
    containers: async () => (await servers()).flatMap(seenIn),
    wanted: () => wanted(place),
    usage: async () => usage(place, await servers()),
    run: async (service, script) => {
      const pod = (await servers()).find((one) => serviceOf(one) === service && isReady(one));
      if (pod === undefined) return undefined;
      return askInPod({ ...place, pod: nameOf(pod), container: service }, ["/bin/bash", "-c", script]);
    },
    logs: async (question, take) => readLogs(place, stack, await pods(), question, take),
    hint: (name) => `kubectl describe pod --namespace ${namespace} ${name}`,
  };
}

const nameOf = ({ metadata }: V1Pod) => metadata?.name ?? "?";

const serviceOf = (pod: V1Pod) => pod.metadata?.labels?.[SERVICE_LABEL] ?? nameOf(pod);

/** Pods of jobs come to an end; those that are on their way out are none of the release that serves. */
const isServer = ({ metadata, spec }: V1Pod) =>
  spec?.restartPolicy === "Always" && metadata?.deletionTimestamp === undefined;

/** A pod's own container is called as its service; others stand beside it, and are services of their own. */
function seenIn(pod: V1Pod): Seen[] {
  const statuses = pod.status?.containerStatuses ?? [];
  if (statuses.length === 0) {
    const reason = pod.status?.conditions?.find(({ status }) => status === "False")?.message ?? pod.status?.phase;
    const since = { ...(reason !== undefined && { reason }) };
    return [{ service: serviceOf(pod), name: nameOf(pod), image: "", standing: "stopped", restarts: 0, ...since }];
  }
  return statuses.map((status) => seen(pod, status));
}

function seen(pod: V1Pod, { name, image, imageID, ready, restartCount, state }: V1ContainerStatus): Seen {
  const standing: Standing = ready ? "ready" : state?.running ? "starting" : "stopped";
  const reason = [state?.waiting?.reason ?? state?.terminated?.reason, state?.waiting?.message]
    .filter((part) => part !== undefined)
    .join(": ");
  const since = state?.running?.startedAt?.toISOString();
  return {
    service: name,
    name: nameOf(pod),
    image: imageID === "" ? image : imageID,
    standing,
    ...(reason !== "" && { reason }),
    restarts: restartCount,
    ...(since !== undefined && { since }),
  };
}

async function wanted({ config, namespace }: ClusterPlace): Promise<Record<string, number>> {
  const apps = config.makeApiClient(AppsV1Api);
  const [deployments, sets] = await Promise.all([
    apps.listNamespacedDeployment({ namespace }),
    apps.listNamespacedStatefulSet({ namespace }),
  ]);
  return Object.fromEntries(
    [...deployments.items, ...sets.items].flatMap(({ spec }) =>
      (spec?.template.spec?.containers ?? []).map(({ name }) => [name, spec?.replicas ?? 1] as const),
    ),
  );
}

/** What metrics-server says; a cluster without one measures nothing. */
async function usage({ config, namespace }: ClusterPlace, pods: readonly V1Pod[]): Promise<Usage[] | undefined> {
  const measured = await new Metrics(config).getPodMetrics(namespace).catch(() => undefined);
  return measured?.items.flatMap(({ metadata, containers }) =>
    containers.flatMap(({ name, usage: { cpu, memory } }) => {
      const pod = pods.find((one) => nameOf(one) === metadata.name);
      const limits = pod?.spec?.containers.find((one) => one.name === name)?.resources?.limits;
      if (limits === undefined) return [];
      return [
        {
          name: `${metadata.name}/${name}`,
          cpuPercent: percentOf(coresOf(cpu), coresOf(limits["cpu"] ?? "0")),
          memoryPercent: percentOf(bytesOf(memory), bytesOf(limits["memory"] ?? "0")),
        },
      ];
    }),
  );
}

async function readLogs(
  { config, namespace }: ClusterPlace,
  stack: string,
  pods: readonly V1Pod[],
  { service, sinceSeconds, isFollowed }: LogQuestion,
  take: (line: LogLine) => void,
): Promise<void> {
  const containers = pods.flatMap((pod) =>
    (pod.status?.containerStatuses ?? [])
      .filter(({ name, state }) => (service === undefined || name === service) && state?.waiting === undefined)
      .map(({ name }) => ({ pod: nameOf(pod), name })),
  );
  if (containers.length === 0) throw noneOf(stack, service);
  await Promise.all(
    containers.map(async ({ pod, name }) => {
      const query = { sinceSeconds, timestamps: true, follow: isFollowed };
      const isOver = new AbortController();
      await whileElsewhere(
        async () => {
          for await (const text of podLog({ config, namespace, pod, container: name }, query, isOver.signal)) {
            const line = timedLine(text);
            if (line) take({ ...line, service: name, name: pod });
          }
        },
        () => {
          isOver.abort();
        },
      );
    }),
  );
}
