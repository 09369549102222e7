import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
  type ResourceGroupsTaggingAPIClientConfig,
} from "@aws-sdk/client-resource-groups-tagging-api";
import { STACK_TAG } from "../infra/aws/tags.ts";

/** Something of a stack that AWS still has after its destroy. */
export interface AwsLeftover {
  readonly arn: string;
  /** Why it is meant to be there yet; `undefined` is an orphan, which costs money for nothing. */
  readonly kept: string | undefined;
}

export interface Leftovers {
  /** Name of the stack, the value of the tag that everything of it carries. */
  readonly stack: string;
  /** Name of its EKS cluster, where it is known: what controllers of the cluster made carries that one. */
  readonly cluster?: string | undefined;
  /** Such as eu-central-1. */
  readonly regions: readonly string[];
  /** Endpoint and credentials. @default those of the SDK: environment, profile, role */
  readonly client?: ResourceGroupsTaggingAPIClientConfig;
}

/** What a destroy leaves on purpose; everything else is an orphan. */
const KEPT: readonly { readonly arn: RegExp; readonly why: string }[] = [
  { arn: /^arn:[^:]+:(rds|elasticache):[^:]*:[^:]*:(cluster-)?snapshot:/, why: "last snapshot, to restore from" },
  { arn: /^arn:[^:]+:kms:.*:key\//, why: "key that waits its days until AWS deletes it" },
  { arn: /^arn:[^:]+:secretsmanager:/, why: "secret that waits its days until AWS deletes it" },
];

/** Tags by which a stack's own and what its cluster made are found; each is a look of its own, since filters of one look must all hold. */
function filters({ stack, cluster }: Leftovers): readonly { Key: string; Values: string[] }[] {
  const own = { Key: STACK_TAG, Values: [stack] };
  if (cluster === undefined) return [own];
  return [
    own,
    // Load balancers and volumes of controllers, and the security group that EKS makes.
    { Key: `kubernetes.io/cluster/${cluster}`, Values: ["owned"] },
    { Key: "aws:eks:cluster-name", Values: [cluster] },
    // Network interfaces of the VPC CNI, volumes of the CSI driver.
    { Key: "cluster.k8s.amazonaws.com/name", Values: [cluster] },
    { Key: "KubernetesCluster", Values: [cluster] },
  ];
}

/**
 * What a stack has on AWS, by its tags. AWS's list lags: what was deleted minutes ago may still be in it.
 *
 * @returns each once, by ARN
 * @throws Error of the SDK where it has no credentials or they may not `tag:GetResources`
 */
export async function findLeftovers(what: Leftovers): Promise<AwsLeftover[]> {
  const found = new Set<string>();
  for (const region of what.regions) {
    const client = new ResourceGroupsTaggingAPIClient({ ...what.client, region });
    try {
      for (const filter of filters(what)) for (const arn of await tagged(client, filter)) found.add(arn);
    } finally {
      client.destroy();
    }
  }
  return [...found].sort().map((arn) => ({ arn, kept: KEPT.find((row) => row.arn.test(arn))?.why }));
}

async function tagged(client: ResourceGroupsTaggingAPIClient, filter: { Key: string; Values: string[] }) {
  const arns: string[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(new GetResourcesCommand({ TagFilters: [filter], PaginationToken: token }));
    arns.push(...(page.ResourceTagMappingList ?? []).flatMap(({ ResourceARN }) => ResourceARN ?? []));
    // The last page has an empty token.
    token = page.PaginationToken === "" ? undefined : page.PaginationToken;
  } while (token !== undefined);
  return arns;
}

/** The same for people: what is an orphan, what is kept and why. Never fails: a destroy that went well is none that failed because of the look. */
export async function reportLeftovers(what: Leftovers): Promise<string> {
  const by = `aws resourcegroupstaggingapi get-resources --tag-filters Key=${STACK_TAG},Values=${what.stack}`;
  const found = await findLeftovers(what).catch((error: unknown) => String(error));
  const where = what.regions.join(", ");
  if (typeof found === "string")
    return `Whether AWS still has something of ${what.stack} in ${where} is not known: ${found}. Look yourself: ${by}`;
  const orphans = found.filter(({ kept }) => kept === undefined);
  const kept = found.filter((leftover) => leftover.kept !== undefined);
  const lines = [
    orphans.length === 0
      ? `AWS has no orphan of ${what.stack} in ${where}.`
      : `AWS still has ${orphans.length} of ${what.stack} in ${where}. What was deleted minutes ago may still be listed; if they stay, delete them (${by}):`,
    ...orphans.map(({ arn }) => `  ${arn}`),
    ...kept.map(({ arn, kept: why }) => `  kept: ${arn} (${why ?? ""})`),
  ];
  return lines.join("\n");
}
