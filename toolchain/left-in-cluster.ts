import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import type { LeftBehind, LeftOver } from "./left-behind.ts";
import { unmanagedInCluster } from "./unmanaged-in-cluster.ts";

/** A state that knows of nothing. */
const EMPTY = { deployment: {} };

/**
 * What a cluster still has of a stack that was taken down: objects of every kind that bear its labels, and disks that its claims had and that stay
 * by their class.
 *
 * @param namespace that it had; nothing where it never had one
 */
export async function leftInCluster(
  config: KubeConfig,
  stack: string,
  namespace: string | undefined,
): Promise<LeftBehind> {
  try {
    const { objects, unseen } = await unmanagedInCluster(config, stack, EMPTY);
    const named = objects.map(({ kind, name }): LeftOver => ({ kind, name, remove: removes(kind, name) }));
    return { objects: [...named, ...(await disks(config, namespace))], unseen };
  } catch (error) {
    return { objects: [], unseen: [`what the cluster has of ${stack}: ${String(error)}`] };
  }
}

/**
 * Disks bear no label of ours: they are known by the claim that they were made for. One whose class lets it go is on its way, unless that failed.
 */
async function disks(config: KubeConfig, namespace: string | undefined): Promise<readonly LeftOver[]> {
  if (namespace === undefined) return [];
  const { items } = await config.makeApiClient(CoreV1Api).listPersistentVolume();
  return items.flatMap(({ metadata, spec, status }): LeftOver[] => {
    if (spec?.claimRef?.namespace !== namespace) return [];
    const isKept = spec.persistentVolumeReclaimPolicy === "Retain";
    if (!isKept && status?.phase !== "Failed") return [];
    const name = metadata?.name ?? "";
    const kept = isKept ? { kept: `the disk of ${namespace}/${spec.claimRef.name ?? ""}, whose class keeps it` } : {};
    return [{ kind: "PersistentVolume.", name, ...kept, remove: removes("PersistentVolume.", name) }];
  });
}

/** `Deployment.apps` and `slipway/api`: kubectl takes both as they are. */
function removes(kind: string, name: string): string {
  const [first = "", second] = name.split("/");
  const type = kind.replace(/\.$/, "").toLowerCase();
  return second === undefined
    ? `kubectl delete ${type} ${first}`
    : `kubectl delete ${type} ${second} --namespace ${first}`;
}
