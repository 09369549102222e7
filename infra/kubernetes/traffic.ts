import { setTimeout as sleep } from "node:timers/promises";
import type { CoreV1Api, DiscoveryV1Api, KubeConfig, V1Pod, V1Service } from "@kubernetes/client-node";
import { absent } from "./absent.ts";
import { PART_LABEL, PARTS, SERVICE_LABEL } from "./place.ts";
import { isReady } from "./pod-state.ts";

export interface TrafficArgs {
  readonly config: KubeConfig;
  readonly namespace: string;
  readonly service: string;
}

/** Labels of pods that get requests only once they are sent there. */
export const GREEN_LABELS = { [PART_LABEL]: PARTS.green } as const;

/**
 * Who owns the selector of a Service while it is not as Pulumi would have it. Server-side apply takes a selector as one field, so that this name must not
 * stay on it: an apply by Pulumi of any other selector would be refused for ever.
 */
const MANAGER = "slipway-blue-green";
const SELECTOR_PATH = `/spec/selector/${PART_LABEL.replaceAll("/", "~1")}`;

/** Until those that pass requests on have heard of a switch. */
const MOVE_MS = 60_000;
const PAUSE_MS = 200;
/** Others may write the same object at the same time. */
const TRIES = 5;

/** Which pods of a service are behind its Service: its own Deployment's, or green ones. A switch is one write of one field. */
export class Traffic {
  readonly #core: CoreV1Api;
  readonly #discovery: DiscoveryV1Api;
  readonly #at: { readonly name: string; readonly namespace: string };

  private constructor(apis: readonly [CoreV1Api, DiscoveryV1Api], { namespace, service }: TrafficArgs) {
    [this.#core, this.#discovery] = apis;
    this.#at = { name: service, namespace };
  }

  static async open(args: TrafficArgs): Promise<Traffic> {
    const { CoreV1Api, DiscoveryV1Api } = await import("@kubernetes/client-node");
    return new Traffic([args.config.makeApiClient(CoreV1Api), args.config.makeApiClient(DiscoveryV1Api)], args);
  }

  /** From here on green pods can be made without a request for them: a Service of an earlier version of ours would take all pods of its name. */
  async keepGreenOut(): Promise<void> {
    const selector = (await this.#read())?.spec?.selector;
    if (selector !== undefined && selector[PART_LABEL] === undefined) await this.#send(PARTS.own);
  }

  /** From here on all requests go to green pods; who keeps a connection keeps its pod too. */
  async toGreen(): Promise<void> {
    await this.#send(PARTS.green);
  }

  /**
   * All requests go to pods of the service's own Deployment again.
   *
   * @returns false where none of them is ready, so that they stay with the green ones
   */
  async back(): Promise<boolean> {
    const selector = (await this.#read())?.spec?.selector;
    if (selector?.[PART_LABEL] === PARTS.green) {
      if (!(await this.#pods(PARTS.own)).some(isReady)) return false;
      await this.#send(PARTS.own);
    }
    await this.#letGo();
    return true;
  }

  /** Nothing where there is no such Service. */
  #read(): Promise<V1Service | undefined> {
    return absent(this.#core.readNamespacedService(this.#at));
  }

  async #pods(part: string): Promise<readonly V1Pod[]> {
    const labelSelector = `${SERVICE_LABEL}=${this.#at.name},${PART_LABEL}=${part}`;
    const { items } = await this.#core.listNamespacedPod({ namespace: this.#at.namespace, labelSelector });
    return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  }

  async #send(part: string): Promise<void> {
    await this.#patch([{ op: "add", path: SELECTOR_PATH, value: part }]);
    const deadline = performance.now() + MOVE_MS;
    while (!(await this.#hasMoved(part))) {
      if (performance.now() > deadline)
        throw new Error(
          `The Service ${this.#at.name} selects ${PART_LABEL}=${part}, and after ${MOVE_MS / 1000} s its endpoints are not such pods alone. ` +
            `See: kubectl get endpointslices --namespace ${this.#at.namespace}`,
        );
      await sleep(PAUSE_MS);
    }
  }

  async #hasMoved(part: string): Promise<boolean> {
    const { name, namespace } = this.#at;
    const labelSelector = `kubernetes.io/service-name=${name}`;
    const { items } = await this.#discovery.listNamespacedEndpointSlice({ namespace, labelSelector });
    const endpoints = items.flatMap((slice) => slice.endpoints ?? []);
    const behind = endpoints.filter(({ conditions }) => conditions?.ready !== false);
    const meant = new Set((await this.#pods(part)).map(({ metadata }) => metadata?.name));
    return behind.length > 0 && behind.every(({ targetRef }) => meant.has(targetRef?.name));
  }

  /** Nobody owns the selector then, and the next apply by Pulumi does again. */
  async #letGo(): Promise<void> {
    for (let tried = 1; ; tried++) {
      const managers = (await this.#read())?.metadata?.managedFields ?? [];
      const index = managers.findIndex(({ manager }) => manager === MANAGER);
      if (index === -1) return;
      const path = `/metadata/managedFields/${index}`;
      try {
        await this.#patch([
          { op: "test", path: `${path}/manager`, value: MANAGER },
          { op: "remove", path },
        ]);
      } catch (error) {
        if (tried === TRIES) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  async #patch(body: readonly object[]): Promise<void> {
    const { PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
    await this.#core.patchNamespacedService(
      { ...this.#at, body, fieldManager: MANAGER },
      setHeaderOptions("Content-Type", PatchStrategy.JsonPatch),
    );
  }
}
