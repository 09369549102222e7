import { ApiException, KubernetesObjectApi, PatchStrategy, type KubeConfig } from "@kubernetes/client-node";
import { messageOf } from "../configs/message.ts";
import { podLog } from "../infra/kubernetes/pod-log.ts";
import { UserError } from "../toolchain/command.ts";

/** Kinds that a restore has to do with, and where each belongs. */
const KINDS = {
  Job: { apiVersion: "batch/v1", plural: "jobs" },
  CronJob: { apiVersion: "batch/v1", plural: "cronjobs" },
  Pod: { apiVersion: "v1", plural: "pods" },
  PersistentVolumeClaim: { apiVersion: "v1", plural: "persistentvolumeclaims" },
} as const satisfies Record<string, { readonly apiVersion: string; readonly plural: string }>;

export type Kind = keyof typeof KINDS;

/** An object that is to be made. */
export interface NewObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** Objects of a stack's namespace, as far as a restore has to do with them. What is read is looked at by who asks. */
export interface ClusterObjects {
  readonly namespace: string;
  /** @returns `undefined` where there is none of that name */
  read(kind: Kind, name: string): Promise<unknown>;
  /** @param labels that all of them have: `name=value` @default all of that kind */
  list(kind: Kind, labels?: string): Promise<readonly unknown[]>;
  /** @returns false where there is one of that name already */
  create(object: NewObject): Promise<boolean>;
  /** Changes what is named of it. */
  change(kind: Kind, name: string, to: object): Promise<void>;
  /** Deletes it after what belongs to it. It may be gone already, or stay until nobody uses it. */
  remove(kind: Kind, name: string): Promise<void>;
  /**
   * Hands on the lines of a container's log from its beginning.
   *
   * @param isFollowed whether those that come meanwhile belong to it
   * @throws Error where the way there breaks; it can be asked again
   */
  log(pod: string, container: string, isFollowed: boolean, take: (line: string) => void): Promise<void>;
}

/** The objects as a cluster has them. */
export class RealObjects implements ClusterObjects {
  readonly namespace: string;
  readonly #config: KubeConfig;
  readonly #api: KubernetesObjectApi;

  constructor(config: KubeConfig, namespace: string) {
    this.namespace = namespace;
    this.#config = config;
    this.#api = KubernetesObjectApi.makeApiClient(config);
  }

  async read(kind: Kind, name: string): Promise<unknown> {
    return this.#ask("get", kind, name, () => this.#api.read(this.#header(kind, name)), {
      otherwise: undefined,
      at: 404,
    });
  }

  async list(kind: Kind, labels?: string): Promise<readonly unknown[]> {
    const { apiVersion } = KINDS[kind];
    const nothing = [undefined, undefined, undefined, undefined] as const;
    const { items } = await this.#ask("list", kind, "", () =>
      this.#api.list(apiVersion, kind, this.namespace, ...nothing, labels),
    );
    return items;
  }

  async create(object: NewObject): Promise<boolean> {
    const { kind, metadata } = object;
    const make = async () => {
      await this.#api.create({ ...object, metadata: { ...metadata, namespace: this.namespace } });
      return true;
    };
    return this.#ask("create", kind as Kind, metadata.name, make, { otherwise: false, at: 409 });
  }

  async change(kind: Kind, name: string, to: object): Promise<void> {
    const nothing = [undefined, undefined, undefined, undefined] as const;
    const changed = { ...this.#header(kind, name), ...to };
    await this.#ask("patch", kind, name, () => this.#api.patch(changed, ...nothing, PatchStrategy.MergePatch));
  }

  async remove(kind: Kind, name: string): Promise<void> {
    const nothing = [undefined, undefined, undefined, undefined] as const;
    const remove = () => this.#api.delete(this.#header(kind, name), ...nothing, "Foreground");
    await this.#ask<unknown>("delete", kind, name, remove, { otherwise: undefined, at: 404 });
  }

  async log(pod: string, container: string, isFollowed: boolean, take: (line: string) => void): Promise<void> {
    const place = { config: this.#config, namespace: this.namespace, pod, container };
    for await (const line of podLog(place, { follow: isFollowed })) take(line);
  }

  #header(kind: Kind, name: string) {
    return { apiVersion: KINDS[kind].apiVersion, kind, metadata: { name, namespace: this.namespace } };
  }

  /** @param expected a status that is an answer too, and what it stands for */
  async #ask<T>(
    verb: string,
    kind: Kind,
    name: string,
    ask: () => Promise<T>,
    expected?: { readonly at: number; readonly otherwise: T },
  ): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (expected && error instanceof ApiException && error.code === expected.at) return expected.otherwise;
      throw new UserError(
        `The cluster did not ${verb} ${`${kind} ${name}`.trim()} in ${this.namespace}: ${reasonOf(error)}. ` +
          `May this kubeconfig? kubectl auth can-i ${verb} ${KINDS[kind].plural} --namespace ${this.namespace}`,
      );
    }
  }
}

/** The API server's own words; the client puts headers and all around them. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ApiException)) return messageOf(error);
  const body: unknown = error.body;
  const said = typeof body === "object" && body !== null && "message" in body ? body.message : body;
  return `${error.code} ${String(said)}`;
}
