import { Deployment } from "@pulumi/kubernetes/apps/v1/deployment.js";
import { Service } from "@pulumi/kubernetes/core/v1/service.js";
import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import type { CustomTimeouts, Input, ResourceHookBinding } from "@pulumi/pulumi";
import type { GpuSharing, KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import type { Done, ServiceSpec } from "../contract.ts";
import { KILL_MARGIN_SECONDS, planDrain, type Traffic } from "../plan/drain.ts";
import { gpuContainer, gpuPod, sharingOf, type GpuNodes } from "./gpu.ts";
import { labels, options, selector, type Place } from "./place.ts";
import { nodesOf, podTemplate, type Mounted, type PodShape } from "./pod.ts";
import type { Scale } from "./scale.ts";
import type { NodeChoice } from "./surroundings.ts";

export interface DeploymentArgs {
  readonly spec: ServiceSpec;
  /** Image, account, settings and secrets of the service. */
  readonly parts: Pick<
    PodShape,
    "image" | "pullPolicy" | "cpuRequestPercent" | "settings" | "secrets" | "account" | "fsGroup"
  > & { readonly mounts: readonly Mounted[]; readonly priorityClass: Input<string> };
  readonly scale: Scale;
  /** Where GPUs are, whether one is one worker's, and how long a node with one takes. */
  readonly gpu: GpuNodes & Pick<KubernetesSettings["gpu"], "sharing" | "nodeStartSeconds">;
  /** Who sends requests to a service that takes any. */
  readonly traffic: Exclude<Traffic, "none">;
  /** Where its pods run. @default anywhere; with a GPU, where `gpu` says */
  readonly nodes?: NodeChoice;
  /** Seconds that a new pod may take to become ready until the rollout has failed; with a GPU, once it has a node. */
  readonly healthTimeoutSeconds: number;
  /** Steps that must be done before a pod of it starts. */
  readonly after: readonly Done[];
  /** What is done around the rollout of a change. @default nothing */
  readonly hooks?: ResourceHookBinding | undefined;
  readonly place: Place;
}

/** What answers on {@link ServiceSpec.port}; `healthcheck.mjs` asks the second on Docker. */
export const PATHS = { live: "/health/live", ready: "/health/ready" } as const;

/** Old releases that `kubectl rollout undo` finds. */
const HISTORY = 5;

/**
 * The pods of a service. A change brings new ones up beside the old, which go when these are ready.
 *
 * `controller.kubernetes.io/pod-deletion-cost`, by which scale-down spares busy workers, belongs to single pods while they run: it must
 * not stand in the template, where it would be alike for all.
 */
export function deployment({ spec, scale, place, after, hooks, ...args }: DeploymentArgs): Deployment {
  const deadlineSeconds = args.healthTimeoutSeconds + (spec.gpu ? (args.gpu.nodeStartSeconds ?? 0) : 0);
  return new Deployment(
    spec.name,
    {
      metadata: { name: spec.name, namespace: place.namespace, labels: labels(spec.name) },
      spec: {
        // Where an autoscaler decides, not a word of it here: else every deploy would undo what it did.
        ...(scale.owner === "stack" ? { replicas: scale.replicas } : {}),
        selector: selector(spec.name),
        strategy: strategy(spec, sharingOf(args.gpu)),
        progressDeadlineSeconds: deadlineSeconds,
        revisionHistoryLimit: HISTORY,
        template: serviceTemplate({ spec, ...args }),
      },
    },
    options(place, {
      dependsOn: [...after],
      customTimeouts: patience(spec, deadlineSeconds),
      ...(hooks && { hooks }),
    }),
  );
}

/** Seconds that the plugin waits for a rollout where nobody says otherwise. */
const ROLLOUT_SECONDS = 600;

/** The cluster gives a rollout up before Pulumi does, and says why: old pods may drain first, then new ones have their time. */
function patience({ drainSeconds }: ServiceSpec, deadlineSeconds: number): CustomTimeouts {
  const seconds = `${Math.max(ROLLOUT_SECONDS, drainSeconds + deadlineSeconds + KILL_MARGIN_SECONDS)}s`;
  return { create: seconds, update: seconds };
}

/**
 * Where a GPU is one worker's, a new one beside the old would wait for a GPU for ever. Where GPUs are shared, one share is given back
 * before the next is asked for: the others work on.
 */
function strategy({ gpu }: ServiceSpec, { mode }: GpuSharing): k8s.apps.v1.DeploymentStrategy {
  if (gpu && mode === "none") return { type: "Recreate" };
  if (gpu) return { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } };
  return { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
}

/** The template of a service's pods. */
export function serviceTemplate({
  spec,
  parts,
  gpu,
  traffic,
  nodes,
}: Pick<DeploymentArgs, "spec" | "parts" | "traffic" | "nodes"> & { readonly gpu: GpuNodes }) {
  const where = spec.gpu ? gpuPod(gpu, nodes) : nodesOf(nodes ?? {});
  const drain = planDrain({
    name: spec.name,
    time: { drainSeconds: spec.drainSeconds },
    traffic: hasTraffic(spec) ? traffic : "none",
    capacity: "on-demand",
  });
  return podTemplate({
    ...parts,
    service: spec.name,
    uid: spec.uid,
    limits: spec.limits,
    command: spec.command,
    graceSeconds: drain.graceSeconds,
    container: {
      ports: [{ name: "http", containerPort: spec.port, protocol: "TCP" }],
      ...probes(spec),
      ...(drain.preStopSeconds === 0 ? {} : { lifecycle: { preStop: { sleep: { seconds: drain.preStopSeconds } } } }),
      ...(spec.gpu ? gpuContainer(parts.cpuRequestPercent, spec.limits) : {}),
    },
    pod: { topologySpreadConstraints: spread(spec.name), ...where },
  });
}

/** Whether others send it requests. Workers fetch their work themselves. */
export function hasTraffic({ name }: Pick<ServiceSpec, "name">): boolean {
  return name === "api";
}

function probes({ health, port }: ServiceSpec): Partial<k8s.core.v1.Container> {
  const ask = (path: string) => ({
    httpGet: { path, port, scheme: "HTTP" },
    periodSeconds: health.intervalSeconds,
    timeoutSeconds: health.timeoutSeconds,
    failureThreshold: health.retries,
  });
  return {
    startupProbe: {
      ...ask(PATHS.live),
      periodSeconds: 1,
      timeoutSeconds: 1,
      failureThreshold: health.startSeconds,
    },
    readinessProbe: ask(PATHS.ready),
    // Not readiness: a database that is away is no reason to kill who waits for it.
    livenessProbe: ask(PATHS.live),
  };
}

/** Over nodes and zones where there are several; never a reason not to start. */
function spread(service: string): k8s.core.v1.TopologySpreadConstraint[] {
  return ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: selector(service),
    matchLabelKeys: ["pod-template-hash"],
  }));
}

export interface AddressArgs {
  readonly name: string;
  readonly port: number;
  /** Port of every node that leads there too. @default none */
  readonly nodePort?: number | undefined;
  readonly behind: Done;
  /** Labels that its pods have to have besides. @default none */
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether pods are reached that are not ready. @default not */
  readonly isFoundUnready?: boolean;
  readonly place: Place;
}

/** The name by which pods of the cluster reach a service; made once there are pods behind it. */
export function serviceAddress({
  name,
  port,
  nodePort,
  behind,
  isFoundUnready = false,
  ...args
}: AddressArgs): Service {
  const { place } = args;
  return new Service(
    name,
    {
      metadata: { name, namespace: place.namespace, labels: labels(name) },
      spec: {
        type: nodePort === undefined ? "ClusterIP" : "NodePort",
        selector: { ...selector(name).matchLabels, ...args.labels },
        ...(isFoundUnready ? { publishNotReadyAddresses: true } : {}),
        ports: [
          { name: "main", port, targetPort: port, protocol: "TCP", ...(nodePort === undefined ? {} : { nodePort }) },
        ],
      },
    },
    options(place, { dependsOn: [behind] }),
  );
}
