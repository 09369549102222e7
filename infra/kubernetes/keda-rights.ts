import { ClusterRole } from "@pulumi/kubernetes/rbac/v1/clusterRole.js";
import { ClusterRoleBinding } from "@pulumi/kubernetes/rbac/v1/clusterRoleBinding.js";
import { Role } from "@pulumi/kubernetes/rbac/v1/role.js";
import { RoleBinding } from "@pulumi/kubernetes/rbac/v1/roleBinding.js";
import type { Input } from "@pulumi/pulumi";
import type { Done } from "../contract.ts";
import { options, stackLabels, type Place } from "./place.ts";

/** Part of the API that KEDA answers: what its triggers say. */
export const METRICS_API = "v1beta1.external.metrics.k8s.io";

/** Secret that the operator writes its certificates into. */
export const CERTIFICATES = "kedaorg-certs";

const READ = ["get", "list", "watch"] as const;
const CHANGE = ["get", "update", "patch"] as const;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** In the stack's namespace. Of Secrets there is nothing, and of objects that scale only Deployments. */
const OPERATOR_IN_STACK: readonly Rule[] = [
  { apiGroups: ["keda.sh"], resources: ["scaledobjects"], verbs: [...READ, "update", "patch"] },
  { apiGroups: ["keda.sh"], resources: ["scaledobjects/status", "scaledobjects/finalizers"], verbs: CHANGE },
  // Not used; without its watches the operator does not start.
  { apiGroups: ["keda.sh"], resources: ["scaledjobs", "triggerauthentications"], verbs: READ },
  { apiGroups: ["eventing.keda.sh"], resources: ["cloudeventsources"], verbs: READ },
  {
    apiGroups: ["autoscaling"],
    resources: ["horizontalpodautoscalers"],
    verbs: [...READ, "create", "update", "patch", "delete"],
  },
  { apiGroups: ["apps"], resources: ["deployments"], verbs: READ },
  { apiGroups: ["apps"], resources: ["deployments/scale"], verbs: CHANGE },
  // It resolves the environment of what it scales, which is in ConfigMaps.
  { apiGroups: [""], resources: ["configmaps"], verbs: READ },
  { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** In its own namespace: its certificates, its lease, and the database's password, which is put there for it. */
const OPERATOR_AT_HOME: readonly Rule[] = [
  { apiGroups: [""], resources: ["secrets"], verbs: READ },
  { apiGroups: [""], resources: ["secrets"], resourceNames: [CERTIFICATES], verbs: ["update", "patch"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: ["operator.keda.sh"], verbs: CHANGE },
  { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** What belongs to no namespace: kinds of its own, and the certificate by which the API server knows its adapter. */
const OPERATOR_IN_CLUSTER: readonly Rule[] = [
  { apiGroups: ["keda.sh"], resources: ["clustertriggerauthentications"], verbs: [...READ, "update", "patch"] },
  { apiGroups: ["keda.sh"], resources: ["clustertriggerauthentications/status"], verbs: CHANGE },
  { apiGroups: ["eventing.keda.sh"], resources: ["clustercloudeventsources"], verbs: READ },
  { apiGroups: ["apiregistration.k8s.io"], resources: ["apiservices"], verbs: ["list", "watch"] },
  { apiGroups: ["apiregistration.k8s.io"], resources: ["apiservices"], resourceNames: [METRICS_API], verbs: CHANGE },
];

/** What happens to objects of no namespace is told there. */
const EVENTS: readonly Rule[] = [{ apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] }];

const ADAPTER_IN_STACK: readonly Rule[] = [{ apiGroups: ["keda.sh"], resources: ["scaledobjects"], verbs: READ }];

/** The cluster's autoscaler asks under the names of triggers, which are made up. */
const SCALER_IN_STACK: readonly Rule[] = [
  { apiGroups: ["external.metrics.k8s.io"], resources: ["*"], verbs: ["get", "list"] },
];

/** An account, and where it is. */
interface Account {
  readonly name: Input<string>;
  readonly namespace: Input<string>;
}

/** Account under which the cluster's controllers run autoscalers. */
const SCALER: Account = { name: "horizontal-pod-autoscaler", namespace: "kube-system" };

export interface KedaRightsArgs {
  readonly operator: Account;
  readonly adapter: Account;
  /** Name of the stack's namespace: part of the names of what the whole cluster has. */
  readonly namespace: string;
  /** The stack's namespace. */
  readonly stack: Place;
  /** KEDA's own. */
  readonly home: Place;
}

/**
 * What KEDA may do: scale the Deployments of one namespace. Its own manifests let it read every object of the cluster, Secrets included.
 *
 * @returns what has to be there before its pods start
 */
export function kedaRights({ operator, adapter, namespace, stack, home }: KedaRightsArgs): readonly Done[] {
  const system = { ...home, namespace: "kube-system" };
  const shared = { ...home, namespace: "default" };
  return [
    inNamespace("keda-operator-stack", "keda-operator", OPERATOR_IN_STACK, operator, stack),
    inNamespace("keda-operator-home", "keda-operator", OPERATOR_AT_HOME, operator, home),
    inNamespace("keda-operator-events", `${namespace}-keda-operator`, EVENTS, operator, shared),
    inCluster(`${namespace}-keda-operator`, OPERATOR_IN_CLUSTER, operator, home),
    inNamespace("keda-adapter-stack", "keda-metrics-apiserver", ADAPTER_IN_STACK, adapter, stack),
    inNamespace("keda-scaler-stack", "keda-external-metrics", SCALER_IN_STACK, SCALER, stack),
    // A part of the API asks the API itself who somebody is and what he may do, and whom it may believe.
    boundInCluster("keda-adapter-delegator", `${namespace}-keda-delegator`, "system:auth-delegator", adapter, home),
    bound(
      ...(["keda-adapter-reader", `${namespace}-keda-reader`, "extension-apiserver-authentication-reader"] as const),
      ...([adapter, system] as const),
    ),
  ];
}

function inNamespace(
  logicalName: string,
  name: string,
  rules: readonly Rule[],
  account: Account,
  place: Place,
): RoleBinding {
  const metadata = { name, namespace: place.namespace, labels: stackLabels() };
  const role = new Role(logicalName, { metadata, rules: rules.map(copied) }, options(place));
  return bound(logicalName, name, role.metadata.name, account, place);
}

function bound(logicalName: string, name: string, role: Input<string>, account: Account, place: Place): RoleBinding {
  return new RoleBinding(
    logicalName,
    {
      metadata: { name, namespace: place.namespace, labels: stackLabels() },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
    options(place),
  );
}

function inCluster(name: string, rules: readonly Rule[], account: Account, place: Place): ClusterRoleBinding {
  const metadata = { name, labels: stackLabels() };
  const role = new ClusterRole("keda-operator", { metadata, rules: rules.map(copied) }, options(place));
  return boundInCluster("keda-operator", name, role.metadata.name, account, place);
}

function boundInCluster(
  logicalName: string,
  name: string,
  role: Input<string>,
  account: Account,
  place: Place,
): ClusterRoleBinding {
  return new ClusterRoleBinding(
    logicalName,
    {
      metadata: { name, labels: stackLabels() },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
    options(place),
  );
}

/** The SDK takes lists that it could change. */
function copied({ apiGroups, resources, verbs, resourceNames }: Rule) {
  return {
    ...{ apiGroups: [...apiGroups], resources: [...resources], verbs: [...verbs] },
    ...(resourceNames && { resourceNames: [...resourceNames] }),
  };
}
