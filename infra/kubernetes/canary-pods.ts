import { setTimeout as sleep } from "node:timers/promises";
import type { AppsV1Api, CoreV1Api, KubeConfig, KubernetesObjectApi, V1Pod } from "@kubernetes/client-node";
import { absent } from "./absent.ts";
import { SERVICE_LABEL } from "./place.ts";
import { isReady } from "./pod-state.ts";

/** Label of the pods of a canary, and of the Deployment that makes them. */
const TRACK_LABEL = "slipway/track";
const CANARY_TRACK = { [TRACK_LABEL]: "canary" } as const;
/** What picks them. */
export const CANARY_SELECTOR = `${TRACK_LABEL}=canary`;

interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly terminationGracePeriodSeconds?: number };
}

/** What the pods of a canary are made from: the service's own Deployment, as the update would have it. */
export interface NewDeployment {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly template: PodTemplate };
}

export interface CanaryPodsArgs {
  readonly config: KubeConfig;
  readonly wanted: NewDeployment;
  /** Seconds until all pods of a share must be ready. */
  readonly readySeconds: number;
  /** What tells them from the service's own pods besides. @default nothing that its Service goes by */
  readonly labels?: Readonly<Record<string, string>>;
}

const PAUSE_MS = 500;
/** Seconds from the end of a pod's time to its being gone from the API server. */
const END_MARGIN_SECONDS = 15;

/**
 * Pods of a new release beside those that serve: a Deployment of their own, which the service's own does not know. They are behind the same Service,
 * unless their labels say otherwise. It is gone again in the end, whatever came of it.
 */
export class CanaryPods {
  readonly #apps: AppsV1Api;
  readonly #core: CoreV1Api;
  readonly #objects: KubernetesObjectApi;
  readonly #wanted: NewDeployment;
  readonly #readySeconds: number;
  readonly #labels: Readonly<Record<string, string>>;

  private constructor(apis: readonly [AppsV1Api, CoreV1Api, KubernetesObjectApi], args: CanaryPodsArgs) {
    [this.#apps, this.#core, this.#objects] = apis;
    this.#wanted = args.wanted;
    this.#readySeconds = args.readySeconds;
    this.#labels = { ...CANARY_TRACK, ...args.labels };
  }

  static async open(args: CanaryPodsArgs): Promise<CanaryPods> {
    const { AppsV1Api, CoreV1Api, KubernetesObjectApi } = await import("@kubernetes/client-node");
    const { config } = args;
    const objects = KubernetesObjectApi.makeApiClient(config);
    return new CanaryPods([config.makeApiClient(AppsV1Api), config.makeApiClient(CoreV1Api), objects], args);
  }

  get #namespace(): string {
    return this.#wanted.metadata.namespace;
  }

  get #service(): string {
    return this.#wanted.metadata.name;
  }

  get #name(): string {
    return `${this.#service}-canary`;
  }

  /** Names of the pods that serve, without those of the canary. */
  async serving(): Promise<readonly string[]> {
    const pods = await this.#pods(`!${TRACK_LABEL}`);
    return pods.filter((pod) => isReady(pod) && pod.metadata?.deletionTimestamp === undefined).map(nameOf);
  }

  /** Names of the canary's own pods. */
  async own(): Promise<readonly string[]> {
    return (await this.#pods(CANARY_SELECTOR)).map(nameOf);
  }

  /**
   * There are so many of them, each ready; none takes all of it away, and waits until the last has ended as long as one may take for that.
   *
   * @throws Error saying why a pod is not ready
   */
  async scale(pods: number): Promise<void> {
    const at = { name: this.#name, namespace: this.#namespace };
    if (pods === 0) {
      await absent(this.#apps.deleteNamespacedDeployment({ ...at, propagationPolicy: "Foreground" }));
      await this.#gone();
      return;
    }
    const body = this.#deployment(pods);
    const there = await absent(this.#apps.readNamespacedDeployment(at));
    await (there === undefined ? this.#objects.create(body) : this.#objects.replace(body));
    await this.#until(
      async () => (await this.#pods(CANARY_SELECTOR)).filter(isReady).length === pods,
      async () => (await this.unwell()) ?? (await this.#refusal()) ?? `of ${pods} pods not all were made`,
    );
  }

  /** A pod of the canary that is not ready, or was started again, and why. */
  async unwell(): Promise<string | undefined> {
    return (await this.#pods(CANARY_SELECTOR)).map(faultOf).find((fault) => fault !== undefined);
  }

  async #pods(track: string): Promise<readonly V1Pod[]> {
    const labelSelector = `${SERVICE_LABEL}=${this.#service},${track}`;
    const { items } = await this.#core.listNamespacedPod({ namespace: this.#namespace, labelSelector });
    return items;
  }

  /** Why the cluster makes no more pods, such as a quota. */
  async #refusal(): Promise<string | undefined> {
    const at = { name: this.#name, namespace: this.#namespace };
    const { status } = await this.#apps.readNamespacedDeployment(at);
    return status?.conditions?.find(({ type }) => type === "ReplicaFailure")?.message;
  }

  /** One that takes longer to end is in nobody's way but the quota's. */
  async #gone(): Promise<void> {
    const { terminationGracePeriodSeconds = 30 } = this.#wanted.spec.template.spec;
    const deadline = performance.now() + (terminationGracePeriodSeconds + END_MARGIN_SECONDS) * 1000;
    while ((await this.own()).length > 0 && performance.now() < deadline) await sleep(PAUSE_MS);
  }

  async #until(isDone: () => Promise<boolean>, why: () => Promise<string>): Promise<void> {
    const deadline = performance.now() + this.#readySeconds * 1000;
    while (!(await isDone())) {
      if (performance.now() > deadline) throw new Error(`${await why()}, after ${this.#readySeconds} s`);
      await sleep(PAUSE_MS);
    }
  }

  #deployment(replicas: number) {
    const { metadata, spec } = this.#wanted;
    const labels = { ...spec.template.metadata.labels, ...this.#labels };
    return {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: this.#name, namespace: this.#namespace, labels: { ...metadata.labels, ...CANARY_TRACK } },
      spec: {
        replicas,
        selector: { matchLabels: { [SERVICE_LABEL]: this.#service, ...CANARY_TRACK } },
        template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      },
    };
  }
}

const nameOf = ({ metadata }: V1Pod) => metadata?.name ?? "";

function faultOf(pod: V1Pod): string | undefined {
  const [container] = pod.status?.containerStatuses ?? [];
  const restarts = container?.restartCount ?? 0;
  const waiting = container?.state?.waiting;
  if (restarts > 0) return `${nameOf(pod)} was started again ${restarts} times`;
  if (isReady(pod)) return undefined;
  return `${nameOf(pod)} is not ready: ${`${waiting?.reason ?? ""} ${waiting?.message ?? ""}`.trim() || "its readiness check says no, or it has no node yet"}`;
}
