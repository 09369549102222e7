import { ValidatingAdmissionPolicy } from "@pulumi/kubernetes/admissionregistration/v1/validatingAdmissionPolicy.js";
import { ValidatingAdmissionPolicyBinding } from "@pulumi/kubernetes/admissionregistration/v1/validatingAdmissionPolicyBinding.js";
import { Role } from "@pulumi/kubernetes/rbac/v1/role.js";
import { RoleBinding } from "@pulumi/kubernetes/rbac/v1/roleBinding.js";
import { CLUSTER_FOLDER, type Done } from "../contract.ts";
import { MARKER } from "../services.ts";
import { labels, options, type Place } from "./place.ts";
import type { Mounted } from "./pod.ts";

/** What worker/marker/cluster-api.ts changes of pods, and all that it may: the cost by which replicas go, and who stays where he is. */
const COST = "controller.kubernetes.io/pod-deletion-cost";
const EVICTION = "cluster-autoscaler.kubernetes.io/safe-to-evict";
const MARKS = JSON.stringify([COST, EVICTION]);

/** Seconds that a token is good for, the least that Kubernetes gives; the kubelet brings the next one after four fifths of it. */
const TOKEN_SECONDS = 600;

/**
 * A token of the cluster, with what a program needs to use it. Of the stack's programs the marker alone has one.
 *
 * @param folder where the program looks for it @default where ours do
 */
export function clusterAccess(folder = CLUSTER_FOLDER): Mounted {
  const namespace = { path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } };
  return {
    volume: {
      name: "cluster",
      projected: {
        defaultMode: 0o400,
        sources: [
          { serviceAccountToken: { path: "token", expirationSeconds: TOKEN_SECONDS } },
          { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
          { downwardAPI: { items: [namespace] } },
        ],
      },
    },
    mount: { name: "cluster", mountPath: folder, readOnly: true },
  };
}

/**
 * What the marker's account may do: list pods of the namespace and change two annotations of them. A role cannot say "two annotations":
 * who may patch a pod may give it another image. So an admission policy says it.
 *
 * @param namespace of the stack
 * @returns what has to be there before the marker's pod starts
 */
export function markerRights(namespace: string, place: Place): readonly Done[] {
  const metadata = { name: MARKER, namespace: place.namespace, labels: labels(MARKER) };
  const role = new Role(
    MARKER,
    { metadata, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "patch"] }] },
    options(place),
  );
  const guard = onlyTheMarks(namespace, place);
  const binding = new RoleBinding(
    MARKER,
    {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
      subjects: [{ kind: "ServiceAccount", name: MARKER, namespace: place.namespace }],
    },
    // Not a moment with the right and without its bounds.
    options(place, { dependsOn: [guard] }),
  );
  return [binding];
}

/** Refuses every change of a pod by the marker but that of its marks. Policies belong to the whole cluster. */
function onlyTheMarks(namespace: string, place: Place): ValidatingAdmissionPolicyBinding {
  const metadata = { name: `${namespace}-${MARKER}`, labels: labels(MARKER) };
  const policy = new ValidatingAdmissionPolicy(
    MARKER,
    {
      metadata,
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["pods"] }],
        },
        matchConditions: [
          {
            name: "by-the-marker",
            expression: `request.userInfo.username == "system:serviceaccount:${namespace}:${MARKER}"`,
          },
        ],
        variables: [
          { name: "before", expression: annotationsOf("oldObject") },
          { name: "after", expression: annotationsOf("object") },
        ],
        validations: [...VALIDATIONS],
      },
    },
    options(place),
  );
  return new ValidatingAdmissionPolicyBinding(
    MARKER,
    { metadata, spec: { policyName: policy.metadata.name, validationActions: ["Deny"] } },
    options(place),
  );
}

const annotationsOf = (object: string) => `has(${object}.metadata.annotations) ? ${object}.metadata.annotations : {}`;

const OTHERS_ARE_SAME = [
  `variables.after.all(key, key in ${MARKS} || (key in variables.before && variables.before[key] == variables.after[key]))`,
  `variables.before.all(key, key in ${MARKS} || key in variables.after)`,
].join(" && ");

/** The marker spares pods; it marks none as free to go. */
const ONLY_KEEPS = [
  `!("${EVICTION}" in variables.after)`,
  `variables.after["${EVICTION}"] == "false"`,
  `("${EVICTION}" in variables.before && variables.before["${EVICTION}"] == variables.after["${EVICTION}"])`,
].join(" || ");

const isSame = (path: string) =>
  `has(object.${path}) == has(oldObject.${path}) && (!has(object.${path}) || object.${path} == oldObject.${path})`;

const VALIDATIONS = [
  ...["spec", "metadata.labels", "metadata.ownerReferences", "metadata.finalizers"].map((path) => ({
    expression: isSame(path),
    message: `the marker may change ${COST} and ${EVICTION} alone, not ${path}`,
  })),
  { expression: OTHERS_ARE_SAME, message: `the marker may change ${COST} and ${EVICTION} alone, no other annotation` },
  { expression: ONLY_KEEPS, message: `the marker may change ${EVICTION} to "false" alone` },
];
