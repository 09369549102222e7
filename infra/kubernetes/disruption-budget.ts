import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1/podDisruptionBudget.js";
import { labels, options, selector, type Place } from "./place.ts";

/**
 * Lets whoever empties nodes take one pod of a service at a time. Pods that are not ready protect nothing, so they may always go:
 * else a node with a broken one could never be emptied.
 */
export function disruptionBudget(service: string, place: Place): PodDisruptionBudget {
  return new PodDisruptionBudget(
    service,
    {
      metadata: { name: service, namespace: place.namespace, labels: labels(service) },
      spec: { maxUnavailable: 1, selector: selector(service), unhealthyPodEvictionPolicy: "AlwaysAllow" },
    },
    options(place),
  );
}
