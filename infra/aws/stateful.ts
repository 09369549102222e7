import type { CustomResourceOptions } from "@pulumi/pulumi";
import { options, type AwsPlace } from "./place.ts";

/**
 * Options of what holds something that cannot be made again.
 *
 * `deleteBeforeReplace` is said and not left out: for a thing whose name is given, the provider would ask to delete it first, as two cannot have
 * one name. So a replacement fails on the name instead, with the old one still there.
 */
export function stateful(
  place: AwsPlace,
  more: Omit<CustomResourceOptions, "parent" | "provider" | "protect" | "deleteBeforeReplace"> = {},
): CustomResourceOptions {
  return options(place, { ...more, protect: place.keep, deleteBeforeReplace: false });
}
