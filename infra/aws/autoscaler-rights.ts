import { ClusterRole } from "@pulumi/kubernetes/rbac/v1/clusterRole.js";
import { ClusterRoleBinding } from "@pulumi/kubernetes/rbac/v1/clusterRoleBinding.js";
import { Role } from "@pulumi/kubernetes/rbac/v1/role.js";
import { RoleBinding } from "@pulumi/kubernetes/rbac/v1/roleBinding.js";
import type { Input } from "@pulumi/pulumi";
import type { Done } from "../contract.ts";
import { labels, options, type Place } from "../kubernetes/place.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const READ = ["get", "list", "watch"] as const;

/** ConfigMaps by the names that the autoscaler itself gives them. */
export const CONFIG_MAPS = { status: "cluster-autoscaler-status", priorities: "cluster-autoscaler-priority-expander" };

/**
 * What upstream's own manifests allow it (cluster-autoscaler/cloudprovider/aws/examples and charts/cluster-autoscaler), without what only others
 * than version 1.35 on AWS use: locks as Endpoints, the group `extensions`, changes of Jobs.
 *
 * It waits until it has seen one list of each kind before it looks at the first pod. A right that is missing here does not show: the program runs,
 * says that it is well, and scales nothing (kubernetes/autoscaler issue 8678).
 */
const IN_CLUSTER: readonly Rule[] = [
  // It marks those that go with a taint.
  { apiGroups: [""], resources: ["nodes"], verbs: [...READ, "update"] },
  { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
  { apiGroups: [""], resources: ["pods/status"], verbs: ["update"] },
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
  // What stands on nodes, what it belongs to, and what else decides where a pod may go.
  { apiGroups: [""], resources: ["namespaces", "pods", "services", "replicationcontrollers"], verbs: READ },
  { apiGroups: [""], resources: ["persistentvolumeclaims", "persistentvolumes"], verbs: READ },
  { apiGroups: ["apps"], resources: ["daemonsets", "replicasets", "statefulsets"], verbs: READ },
  { apiGroups: ["batch"], resources: ["jobs", "cronjobs"], verbs: READ },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: READ },
  {
    apiGroups: ["storage.k8s.io"],
    resources: ["storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"],
    verbs: READ,
  },
  { apiGroups: ["resource.k8s.io"], resources: ["deviceclasses", "resourceclaims", "resourceslices"], verbs: READ },
];

/** In its own namespace: how it is, which pools it takes first, and that there is one of it. A name cannot bound what is created or listed. */
const AT_HOME: readonly Rule[] = [
  { apiGroups: [""], resources: ["configmaps"], verbs: ["create", "list", "watch"] },
  {
    apiGroups: [""],
    resources: ["configmaps"],
    resourceNames: Object.values(CONFIG_MAPS),
    verbs: ["get", "update", "delete"],
  },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: ["cluster-autoscaler"],
    verbs: ["get", "update"],
  },
];

export interface AutoscalerRightsArgs {
  /** Its service account. */
  readonly account: Input<string>;
  /** Name of what belongs to the whole cluster. */
  readonly name: string;
  /** Its namespace. */
  readonly home: Place;
}

/** What the autoscaler's pods may do in the cluster. */
export function autoscalerRights({ account, name, home }: AutoscalerRightsArgs): readonly Done[] {
  const logical = "autoscaler";
  const subjects = [{ kind: "ServiceAccount", name: account, namespace: home.namespace }];
  const about = { labels: labels("cluster-autoscaler") };
  const roleRef = (kind: string, role: Input<string>) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name: role });
  const everywhere = new ClusterRole(
    logical,
    { metadata: { name, ...about }, rules: IN_CLUSTER.map(asRule) },
    options(home),
  );
  const metadata = { name: "cluster-autoscaler", namespace: home.namespace, ...about };
  const own = new Role(logical, { metadata, rules: AT_HOME.map(asRule) }, options(home));
  return [
    new ClusterRoleBinding(
      logical,
      { metadata: { name, ...about }, roleRef: roleRef("ClusterRole", everywhere.metadata.name), subjects },
      options(home),
    ),
    new RoleBinding(logical, { metadata, roleRef: roleRef("Role", own.metadata.name), subjects }, options(home)),
  ];
}

function asRule({ apiGroups, resources, verbs, resourceNames }: Rule) {
  return {
    ...{ apiGroups: [...apiGroups], resources: [...resources], verbs: [...verbs] },
    ...(resourceNames === undefined ? {} : { resourceNames: [...resourceNames] }),
  };
}
