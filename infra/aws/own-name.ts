import { interpolate, type Output } from "@pulumi/pulumi";
import { RandomId } from "@pulumi/random";
import type { AwsPlace } from "./place.ts";

/** ElastiCache takes 40 characters at most, the least of all services: what is left beside `slipway-`, a hyphen and 8 digits. */
const MOST_STACK = 23;

/** The stack's name as every service takes it: small letters, digits and single hyphens. */
export function stackPart(stack: string): string {
  return stack
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MOST_STACK)
    .replace(/^-|-$/g, "");
}

/**
 * A physical name that other names are made of before the thing is there: of its log groups, of its last snapshot. The engine's own auto-naming
 * says it too late. With its random part a stack that is made again meets neither names nor snapshots of the one before.
 *
 * @param service logical name of what is named: the name is its own for good
 */
export function ownName(service: string, { parent, stack }: AwsPlace): Output<string> {
  const random = new RandomId(`${service}-name`, { byteLength: 4 }, { parent });
  return interpolate`slipway-${stackPart(stack)}-${random.hex}`;
}
