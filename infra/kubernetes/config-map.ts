import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap.js";
import { interpolate, type Input, type Output } from "@pulumi/pulumi";
import { digest } from "./digest.ts";
import { labels, options, type Place } from "./place.ts";

/**
 * Plain settings or files of a service. Nothing in it can change: other contents are another object beside it, which rolls the pods,
 * and those that run keep theirs.
 *
 * @param name logical name, and the beginning of the object's own
 */
export function configMap(
  name: string,
  service: string,
  data: Readonly<Record<string, Input<string>>>,
  place: Place,
): Output<string> {
  const made = new ConfigMap(
    name,
    {
      metadata: { name: interpolate`${name}-${digest(data)}`, namespace: place.namespace, labels: labels(service) },
      immutable: true,
      data,
    },
    options(place),
  );
  return made.metadata.name;
}
