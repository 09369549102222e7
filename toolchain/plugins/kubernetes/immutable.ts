import type { Kind } from "./objects.ts";
import { at, equal, isArray, isObject, pathText, type JsonObject, type Path } from "./wire.ts";

/**
 * Fields that the API server lets nobody change: another object has to take its place. As the documentation of each kind has
 * it; what is not here and is refused as immutable by a dry run is found that way.
 */
const IMMUTABLE: Readonly<Record<string, readonly string[]>> = {
  "apps/v1 DaemonSet": ["spec.selector"],
  "apps/v1 Deployment": ["spec.selector"],
  "apps/v1 ReplicaSet": ["spec.selector"],
  "apps/v1 StatefulSet": ["spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"],
  "batch/v1 Job": ["spec.selector", "spec.template", "spec.completionMode", "spec.manualSelector"],
  "rbac.authorization.k8s.io/v1 ClusterRoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/v1 RoleBinding": ["roleRef"],
  "scheduling.k8s.io/v1 PriorityClass": ["value", "preemptionPolicy"],
  "storage.k8s.io/v1 StorageClass": ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"],
  "v1 PersistentVolumeClaim": [
    "spec.accessModes",
    "spec.selector",
    "spec.storageClassName",
    "spec.volumeMode",
    "spec.volumeName",
  ],
  "v1 Pod": [
    "spec.nodeName",
    "spec.nodeSelector",
    "spec.restartPolicy",
    "spec.securityContext",
    "spec.serviceAccountName",
    "spec.volumes",
  ],
  "v1 Secret": ["type"],
  "v1 Service": ["spec.clusterIP"],
};

/** What makes an object another one, whatever its kind. */
const IDENTITY = ["apiVersion", "kind", "metadata.name", "metadata.namespace"];

/** A ConfigMap or Secret that says of itself that nothing in it may change. */
const SEALED = ["data", "stringData", "binaryData", "immutable"];

/** Whether a change of this part needs another object. */
export function isFixed(path: Path, { apiVersion, kind }: Kind, old: JsonObject): boolean {
  const text = pathText(path);
  const fixed = [
    ...IDENTITY,
    ...(IMMUTABLE[`${apiVersion} ${kind}`] ?? []),
    ...(old["immutable"] === true ? SEALED : []),
  ];
  return fixed.some((field) => text === field || text.startsWith(`${field}.`) || text.startsWith(`${field}[`));
}

/** Where two values differ, down to what is no object or list of objects on both sides. */
export function differences(before: JsonObject, after: JsonObject, within: Path = []): Path[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key): Path[] => {
    const [a, b] = [before[key], after[key]];
    const path = [...within, key];
    if (equal(a, b)) return [];
    if (isObject(a) && isObject(b)) return differences(a, b, path);
    if (isArray(a) && isArray(b) && a.length === b.length)
      return a.flatMap((item, index) => {
        const other = b[index];
        if (equal(item, other)) return [];
        return isObject(item) && isObject(other) ? differences(item, other, [...path, index]) : [[...path, index]];
      });
    return [path];
  });
}

/** Whether a part stands in a value. */
export function has(value: JsonObject, path: Path): boolean {
  return at(value, path) !== undefined;
}
