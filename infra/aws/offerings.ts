import { getInstanceTypeOfferings } from "@pulumi/aws/ec2/getInstanceTypeOfferings.js";
import type { AwsSettings } from "../../configs/aws-settings.ts";
import type { Offerings } from "../plan/instance-types.ts";
import { planNodePools, type PoolPlan } from "../plan/node-pools.ts";
import type { ResolvedSize } from "../plan/sizes.ts";
import type { AwsPlace } from "./place.ts";
import { awsPools, typesToAsk } from "./plans.ts";

/**
 * The pools that the stack's file asks for, of what the region has.
 *
 * @throws PlanError with every fault and the key to change
 */
export async function offeredPools(
  settings: AwsSettings,
  size: ResolvedSize,
  place: AwsPlace,
): Promise<readonly PoolPlan[]> {
  const wanted = awsPools(settings, size);
  return planNodePools(place.stack, wanted, await instanceOfferings(typesToAsk(wanted), place));
}

/**
 * In which zones of the region EC2 has instance types. A preview asks EC2 as well: it is the one question that this program has for AWS.
 *
 * @param types such as m7i.large; what EC2 does not know has no zones
 */
export async function instanceOfferings(
  types: readonly string[],
  { parent, provider }: Pick<AwsPlace, "parent" | "provider">,
): Promise<Offerings> {
  const { instanceTypes, locations } = await getInstanceTypeOfferings(
    { locationType: "availability-zone", filters: [{ name: "instance-type", values: [...types] }] },
    { parent, provider },
  );
  return offeringsOf(instanceTypes, locations);
}

/** Both lists are as long: the third type is to be had in the third zone. */
export function offeringsOf(types: readonly string[], zones: readonly string[]): Offerings {
  if (types.length !== zones.length)
    throw new Error(
      `EC2 named ${types.length} instance types and ${zones.length} zones; the numbers must be the same.`,
    );
  const offerings = new Map<string, string[]>();
  for (const [index, type] of types.entries())
    offerings.set(type, [...(offerings.get(type) ?? []), zones[index] ?? ""]);
  return new Map([...offerings].map(([type, found]) => [type, found.sort()]));
}
