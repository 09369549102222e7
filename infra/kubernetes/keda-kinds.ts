import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource.js";
import type { Done } from "../contract.ts";
import { options, stackLabels, type Place } from "./place.ts";

/** A kind of KEDA's. */
interface Kind {
  readonly group: "keda.sh" | "eventing.keda.sh";
  readonly kind: string;
  readonly scope: "Namespaced" | "Cluster";
  readonly shortNames?: readonly string[];
}

/** Every kind that KEDA 2.21 watches: its operator does not start without one of them, used or not. */
export const KEDA_KINDS = [
  { group: "keda.sh", kind: "ScaledObject", scope: "Namespaced", shortNames: ["so"] },
  { group: "keda.sh", kind: "ScaledJob", scope: "Namespaced", shortNames: ["sj"] },
  { group: "keda.sh", kind: "TriggerAuthentication", scope: "Namespaced", shortNames: ["ta", "triggerauth"] },
  {
    ...{ group: "keda.sh", kind: "ClusterTriggerAuthentication", scope: "Cluster" },
    shortNames: ["cta", "clustertriggerauth"],
  },
  { group: "eventing.keda.sh", kind: "CloudEventSource", scope: "Namespaced" },
  { group: "eventing.keda.sh", kind: "ClusterCloudEventSource", scope: "Cluster" },
] as const satisfies readonly Kind[];

const VERSION = "v1alpha1";

/** What `kubectl get` shows of an object: whether KEDA can read its triggers, whether there is work, whether it counts with the fallback. */
const COLUMNS = ["Ready", "Active", "Fallback"].map((type) => ({
  name: type,
  type: "string",
  jsonPath: `.status.conditions[?(@.type=="${type}")].status`,
}));

/** Any object. KEDA's own definitions list every field, in 20,000 lines; its operator reads the same of both. */
const FREE = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** Definitions of KEDA's kinds, which belong to the whole cluster: a cluster has them once. */
export function kedaKinds(place: Place): readonly Done[] {
  return KEDA_KINDS.map((kind) => definition(kind, place));
}

function definition({ group, kind, scope, shortNames }: Kind, place: Place): CustomResource {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  const names = { kind, listKind: `${kind}List`, plural, singular };
  return new CustomResource(
    `keda-${plural}`,
    {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${plural}.${group}`, labels: stackLabels() },
      spec: {
        ...{ group, scope, names: { ...names, ...(shortNames && { shortNames: [...shortNames] }) } },
        versions: [
          {
            ...{ name: VERSION, served: true, storage: true, subresources: { status: {} } },
            schema: { openAPIV3Schema: { type: "object", properties: { spec: FREE, status: FREE } } },
            ...(kind === "ScaledObject" && { additionalPrinterColumns: COLUMNS }),
          },
        ],
      },
    },
    options(place),
  );
}
