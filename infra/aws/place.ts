import type { Provider } from "@pulumi/aws/provider.js";
import type { ComponentResource, CustomResourceOptions } from "@pulumi/pulumi";
import type { Tags } from "./tags.ts";

/** Where the resources of a stack on AWS stand, and below which component. */
export interface AwsPlace {
  readonly parent: ComponentResource;
  readonly provider: Provider;
  /** The stack's name. */
  readonly stack: string;
  /** Tags of every resource, of `stackTags`. */
  readonly tags: Tags;
  /** Whether what cannot be made again is protected from a deletion, by Pulumi and by AWS. keep.ts decides it. */
  readonly keep: boolean;
}

/** Whose resources they are, and where: for ARNs that policies need before the resource is there. */
export interface AwsAccount {
  /** 12 digits. */
  readonly account: string;
  /** Such as eu-central-1. */
  readonly region: string;
}

/**
 * Tags of one resource. They are given to each by hand: what an engine's transform adds does not show in tests.
 *
 * @param name logical name of the resource
 */
export function tagged({ stack, tags }: Pick<AwsPlace, "stack" | "tags">, name: string): Record<string, string> {
  return { ...tags, Name: `${stack}-${name}` };
}

/** Options of every resource. */
export function options(
  { parent, provider }: AwsPlace,
  more: Omit<CustomResourceOptions, "parent" | "provider"> = {},
): CustomResourceOptions {
  return { parent, provider, ...more };
}
