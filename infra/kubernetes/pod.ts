import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import type { Input } from "@pulumi/pulumi";
import { MODEL_FOLDER, type Limits } from "../contract.ts";
import { labels } from "./place.ts";
import { secretVolume } from "./secret-files.ts";
import type { NodeChoice } from "./surroundings.ts";

/** A volume and where the container finds it. */
export interface Mounted {
  /** @default the StatefulSet's own, by the mount's name */
  readonly volume?: k8s.core.v1.Volume;
  readonly mount: k8s.core.v1.VolumeMount;
}

/** What every pod of ours has in common; `podTemplate` makes a template of it. */
export interface PodShape {
  readonly service: string;
  /** What others than the kubelet go by. @default none */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly image: Input<string>;
  readonly pullPolicy: PullPolicy;
  /** Numeric user and group of the process; never 0. */
  readonly uid: number;
  /** Group that mounted disks are given to. @default that of the process */
  readonly fsGroup?: number;
  /** Groups that the process has besides, for disks that others own. @default none */
  readonly groups?: readonly number[];
  readonly limits: Limits;
  /** Part of the CPU limit that is reserved, percent. */
  readonly cpuRequestPercent: number;
  /** In place of the image's entry point. */
  readonly command?: readonly string[];
  /** Behind the image's entry point. */
  readonly args?: readonly string[];
  /** ConfigMap whose entries are the environment. */
  readonly settings?: Input<string>;
  /** Secret whose entries are files. */
  readonly secrets?: Input<string>;
  /** Name of another Secret, whose files lie beside those and change while the pod runs. @default none */
  readonly changingSecrets?: string;
  readonly mounts?: readonly Mounted[];
  readonly account: Input<string>;
  readonly priorityClass?: Input<string>;
  /** Seconds from the order to go to SIGKILL. */
  readonly graceSeconds: number;
  /** Port, probes, preStop, GPUs: what only some containers have. */
  readonly container?: Partial<k8s.core.v1.Container>;
  /** Node selection, tolerations, spread: what only some pods have. */
  readonly pod?: Partial<k8s.core.v1.PodSpec>;
  /** @default none */
  readonly beside?: readonly BesideShape[];
  readonly restartPolicy?: "Always" | "Never";
}

/** A container beside the pod's own, of the same user, with secrets and a /tmp of its own. */
export type BesideShape = Pick<PodShape, "service" | "image" | "pullPolicy" | "limits" | "cpuRequestPercent"> &
  Pick<PodShape, "command" | "args" | "settings" | "secrets" | "changingSecrets" | "mounts" | "container">;

/** `Never` where images were brought to the nodes by hand. */
export type PullPolicy = "IfNotPresent" | "Never";

/** MiB that /tmp may take. It is memory, as on Docker: passwords may lie in it, and it counts towards the limit. */
const TMP_MIB = 64;

/**
 * A pod with nothing it does not need; Pod Security `restricted` lets it in. Not root, read-only root, no capabilities, no new
 * privileges, no token of the cluster, limits, memory reserved in full.
 */
export function podTemplate(shape: PodShape): k8s.core.v1.PodTemplateSpec {
  const { beside = [] } = shape;
  const own = mountsOf(shape, "");
  const others = beside.map((one) => ({ one, mounts: mountsOf(one, `-${one.service}`) }));
  const all = [...own, ...others.flatMap(({ mounts }) => mounts)];
  return {
    metadata: {
      labels: labels(shape.service),
      ...(shape.annotations === undefined ? {} : { annotations: { ...shape.annotations } }),
    },
    spec: {
      serviceAccountName: shape.account,
      automountServiceAccountToken: false,
      // Else every service's address is in the environment, under names that could be ours.
      enableServiceLinks: false,
      // The init process of the pod takes up what a program leaves behind, as Docker's does. Not over containers: to a Postgres that was
      // killed a process of the other one could look like itself, still running, and it would not start.
      shareProcessNamespace: beside.length === 0,
      ...(shape.priorityClass === undefined ? {} : { priorityClassName: shape.priorityClass }),
      terminationGracePeriodSeconds: shape.graceSeconds,
      ...(shape.restartPolicy === undefined ? {} : { restartPolicy: shape.restartPolicy }),
      securityContext: podSecurity(shape),
      containers: [container(shape, own), ...others.map(({ one, mounts }) => container(one, mounts))],
      volumes: volumesOf(all),
      ...shape.pod,
    },
  };
}

function mountsOf({ secrets, changingSecrets, mounts = [] }: BesideShape, suffix: string): Mounted[] {
  const own = secrets === undefined ? [] : [secretVolume(secrets, `secrets${suffix}`, changingSecrets)];
  return [...own, tmp(suffix), ...mounts];
}

/** Each once, whoever mounts it. */
function volumesOf(mounts: readonly Mounted[]): k8s.core.v1.Volume[] {
  const byMount = new Map(
    mounts.flatMap(({ volume, mount }) => (volume === undefined ? [] : [[mount.name, volume] as const])),
  );
  return [...byMount.values()];
}

function podSecurity({ uid, fsGroup = uid, groups = [] }: PodShape): k8s.core.v1.PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: uid,
    fsGroup,
    ...(groups.length === 0 ? {} : { supplementalGroups: [...groups] }),
    // Once: a walk over a full disk takes minutes, and Postgres refuses a folder that its group may write.
    fsGroupChangePolicy: "OnRootMismatch",
    seccompProfile: { type: "RuntimeDefault" },
  };
}

function container(shape: BesideShape, mounts: readonly Mounted[]): k8s.core.v1.Container {
  return {
    name: shape.service,
    image: shape.image,
    imagePullPolicy: shape.pullPolicy,
    ...(shape.command === undefined ? {} : { command: [...shape.command] }),
    ...(shape.args === undefined ? {} : { args: [...shape.args] }),
    ...(shape.settings === undefined ? {} : { envFrom: [{ configMapRef: { name: shape.settings } }] }),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    resources: resources(shape),
    volumeMounts: mounts.map(({ mount }) => mount),
    ...shape.container,
  };
}

/** The choice as a pod's spec has it. */
export function nodesOf({ affinity, nodeSelector, tolerations }: NodeChoice): Partial<k8s.core.v1.PodSpec> {
  return {
    ...(affinity && { affinity }),
    ...(nodeSelector && { nodeSelector: { ...nodeSelector } }),
    ...(tolerations && { tolerations: [...tolerations] }),
  };
}

/** Memory is reserved in full: a pod must not be killed because others took what it was promised. */
export function resources({ limits, cpuRequestPercent }: Pick<PodShape, "limits" | "cpuRequestPercent">) {
  const memory = mebibytes(limits.memoryMiB);
  return {
    requests: { memory, cpu: milliCpus((limits.cpus * cpuRequestPercent) / 100) },
    limits: { memory, cpu: milliCpus(limits.cpus) },
  };
}

/** Memory as the API server writes it back (`1024Mi` becomes `1Gi`), for the same reason as cores. */
export function mebibytes(count: number): string {
  return count % 1024 === 0 ? `${count / 1024}Gi` : `${count}Mi`;
}

/** Cores as the API server writes them back (`1000m` becomes `1`), so that a preview sees no difference. */
export function milliCpus(cores: number): string {
  const milli = Math.max(1, Math.round(cores * 1000));
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}

function tmp(suffix: string): Mounted {
  const name = `tmp${suffix}`;
  return {
    volume: { name, emptyDir: { medium: "Memory", sizeLimit: `${TMP_MIB}Mi` } },
    mount: { name, mountPath: "/tmp" },
  };
}

/**
 * The speech model. Not a folder of the node: `restricted` forbids it.
 *
 * @param claimName claim whose disk holds it
 */
export function modelMount(claimName: string): Mounted {
  return {
    volume: { name: "model", persistentVolumeClaim: { claimName, readOnly: true } },
    mount: { name: "model", mountPath: MODEL_FOLDER, readOnly: true },
  };
}
