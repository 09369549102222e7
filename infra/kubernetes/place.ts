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

/** Labels of every object of a service. */
export function labels(service: string): Record<string, string> {
  return { ...stackLabels(), [SERVICE_LABEL]: service };
}

/** Labels of every object. */
export function stackLabels(): Record<string, string> {
  return { "app.kubernetes.io/part-of": "slipway", "app.kubernetes.io/instance": getStack() };
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
