import {
  ApiException,
  ApisApi,
  CoreV1Api,
  CustomObjectsApi,
  KubernetesObjectApi,
  type KubeConfig,
  type KubernetesObject,
  type V1APIResource,
} from "@kubernetes/client-node";
import type { Deployment } from "./stack.ts";
import { sortedObjects, type Unmanaged, type UnmanagedObject } from "./unmanaged.ts";

/** By these an object is known to be a stack's; infra/kubernetes/place.ts writes them. */
const selectorOf = (stack: string) => `app.kubernetes.io/part-of=slipway,app.kubernetes.io/instance=${stack}`;

/** Kinds that follow others, with their labels and without saying whose they are: what controllers write, and figures of what runs. */
const FOLLOWING = /^(Endpoints\.|Event\.|Event\.events\.k8s\.io|\w+\.(\w+\.)?metrics\.k8s\.io)$/;

/** A kind of object as the API server tells of it. */
interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  /** Such as `Deployment.apps`. */
  readonly key: string;
}

/**
 * Objects that bear a stack's labels and that its state does not know, of every kind that the cluster has. What a controller made (pods, sets,
 * the HPA of a ScaledObject) has an owner and is that one's; claims of a StatefulSet are known by its name.
 */
export async function unmanagedInCluster(
  config: KubeConfig,
  stack: string,
  deployment: Deployment,
): Promise<Unmanaged> {
  const known = knownOf(deployment);
  const api = config.makeApiClient(KubernetesObjectApi);
  const objects: UnmanagedObject[] = [];
  const unseen: string[] = [];
  for (const { apiVersion, kind, key } of await kindsOf(config)) {
    try {
      const { items } = await api.list(
        ...([apiVersion, kind, undefined, undefined, undefined, undefined, undefined] as const),
        selectorOf(stack),
      );
      const own = items.filter((object) => isOnItsOwn(object) && !known(key, nameOf(object)));
      objects.push(...own.map((object) => ({ kind: key, name: nameOf(object) })));
    } catch (error) {
      if (!(error instanceof ApiException) || !REFUSALS.includes(error.code)) throw error;
      unseen.push(`${key}: ${error.code === 403 ? "may not be listed" : "cannot be listed"}`);
    }
  }
  return { objects: sortedObjects(objects), unseen };
}

/** Not for this caller; gone in between; not by this verb; served by a program that is not there. */
const REFUSALS: readonly number[] = [403, 404, 405, 503];

function isOnItsOwn({ metadata }: KubernetesObject): boolean {
  return (metadata?.ownerReferences ?? []).length === 0;
}

function nameOf({ metadata }: KubernetesObject): string {
  const name = metadata?.name ?? "";
  return metadata?.namespace === undefined ? name : `${metadata.namespace}/${name}`;
}

/** Whether the state has an object of a kind and name. */
function knownOf({ deployment: { resources = [] } }: Deployment): (key: string, name: string) => boolean {
  const ids = new Set<string>();
  const sets: string[] = [];
  for (const { type, id } of resources) {
    const [, apiVersion, kind] = /^kubernetes:([^:]+):(\w+)$/.exec(type) ?? [];
    if (apiVersion === undefined || kind === undefined || id === undefined) continue;
    const key = keyOf(apiVersion, kind);
    ids.add(`${key} ${id}`);
    if (key === "StatefulSet.apps") sets.push(id);
  }
  return (key, name) =>
    ids.has(`${key} ${name}`) || (key === "PersistentVolumeClaim." && sets.some((set) => isClaimOf(set, name)));
}

/** `slipway/data-postgres-0` is a claim of `slipway/postgres`. */
function isClaimOf(set: string, claim: string): boolean {
  const [namespace, name = ""] = set.split("/");
  const [where, what = ""] = claim.split("/");
  return namespace === where && (/^(.+)-\d+$/.exec(what)?.[1] ?? "").endsWith(`-${name}`);
}

/** Versions of one group have the same objects. */
function keyOf(apiVersion: string, kind: string): string {
  const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  return `${kind}.${group === "core" ? "" : group}`;
}

/** Every kind that can be listed, in the version that the API server prefers. */
async function kindsOf(config: KubeConfig): Promise<readonly Kind[]> {
  const core = await config.makeApiClient(CoreV1Api).getAPIResources();
  const { groups } = await config.makeApiClient(ApisApi).getAPIVersions();
  const custom = config.makeApiClient(CustomObjectsApi);
  const rest = await Promise.all(
    groups.map(async ({ name: group, preferredVersion, versions }) => {
      const version = (preferredVersion ?? versions[0])?.version ?? "";
      // A group whose program is not there answers nothing: it has no objects that anybody could see.
      const { resources } = await custom.getAPIResources({ group, version }).catch(() => ({ resources: [] }));
      return kinds(`${group}/${version}`, resources);
    }),
  );
  return [...kinds("v1", core.resources), ...rest.flat()].filter(({ key }) => !FOLLOWING.test(key));
}

function kinds(apiVersion: string, resources: readonly V1APIResource[]): Kind[] {
  return resources
    .filter(({ name, verbs }) => !name.includes("/") && verbs.includes("list"))
    .map(({ kind }) => ({ apiVersion, kind, key: keyOf(apiVersion, kind) }));
}
