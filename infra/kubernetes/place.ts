import type { Provider } from "@pulumi/kubernetes";
import { getStack, type ComponentResource, type CustomResourceOptions, type Input } from "@pulumi/pulumi";

/** Where the objects of a stack stand, and below which component. */
export interface Place {
  readonly parent: ComponentResource;
  readonly provider: Provider;
  /** Name of the namespace. */
  readonly namespace: Input<string>;
  /** Whether what cannot be made again is protected from a deletion. */
  readonly keep: boolean;
}

/** Label that says which service an object belongs to; selectors go by it. */
export const SERVICE_LABEL = "app.kubernetes.io/name";

/** Label that says which of two sets of pods one of a service is of, by which the API's Service goes as well. */
export const PART_LABEL = "app.kubernetes.io/part-of";

/** Pods of a service's own Deployment, as all else of a stack; and those that get requests only once they are sent there. */
export const PARTS = { own: "slipway", green: "slipway-green" } as const;

/** Labels of every object of a service. */
export function labels(service: string): Record<string, string> {
  return { ...stackLabels(), [SERVICE_LABEL]: service };
}

/** Labels of every object. */
export function stackLabels(): Record<string, string> {
  return { [PART_LABEL]: PARTS.own, "app.kubernetes.io/instance": getStack() };
}

/** What picks the pods of a service. */
export function selector(service: string): { readonly matchLabels: Record<string, string> } {
  return { matchLabels: { [SERVICE_LABEL]: service } };
}

/** Options of every object. */
export function options(
  { parent, provider }: Place,
  more: Omit<CustomResourceOptions, "parent" | "provider"> = {},
): CustomResourceOptions {
  return { parent, provider, ...more };
}
