import { Namespace } from "@pulumi/kubernetes/core/v1/namespace.js";
import { ServiceAccount } from "@pulumi/kubernetes/core/v1/serviceAccount.js";
import type { Output } from "@pulumi/pulumi";
import { labels, options, stackLabels, type Place } from "./place.ts";

/** Rules of Pod Security: what the API server lets in. */
type PodSecurity = "restricted" | "privileged";

/**
 * A namespace whose pods the API server checks.
 *
 * @param logicalName also the end of its name, where the stack has several
 * @returns its name, known when it is there
 */
export function namespace(logicalName: string, name: string, rules: PodSecurity, place: Omit<Place, "namespace">) {
  const levels = ["enforce", "audit", "warn"].flatMap((mode) => [
    [`pod-security.kubernetes.io/${mode}`, rules],
    [`pod-security.kubernetes.io/${mode}-version`, "latest"],
  ]);
  const made = new Namespace(
    logicalName,
    { metadata: { name, labels: { ...stackLabels(), ...(Object.fromEntries(levels) as Record<string, string>) } } },
    options({ ...place, namespace: name }, { protect: place.keep && rules === "restricted" }),
  );
  return made.metadata.name;
}

/**
 * The account of one service. It has no rights, and no pod gets its token.
 *
 * @param annotations what others go by who give its pods a role @default none
 */
export function serviceAccount(
  service: string,
  place: Place,
  annotations: Readonly<Record<string, string>> = {},
): Output<string> {
  const account = new ServiceAccount(
    service,
    {
      metadata: {
        ...{ name: service, namespace: place.namespace, labels: labels(service) },
        ...(Object.keys(annotations).length === 0 ? {} : { annotations: { ...annotations } }),
      },
      automountServiceAccountToken: false,
    },
    options(place),
  );
  return account.metadata.name;
}
