import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
  type ResourceGroupsTaggingAPIClientConfig,
} from "@aws-sdk/client-resource-groups-tagging-api";
import { STACK_TAG } from "../infra/aws/tags.ts";
import type { LeftBehind } from "./left-behind.ts";

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
  { arn: /^arn:[^:]+:backup:.*:recovery-point:/, why: "backup, which its vault lets go once its days are over" },
  { arn: /^arn:[^:]+:rds:.*:auto-backup:/, why: "backups of RDS' own, which go with their days" },
];

/** Why something is meant to be there beside a stack's own resources; nothing where it is not. */
export function whyKept(arn: string): string | undefined {
  return KEPT.find((row) => row.arn.test(arn))?.why;
}

/** What removes a thing: the last part of its ARN is put in the place of ID, all of it in that of ARN. */
const REMOVES: readonly { readonly arn: RegExp; readonly command: string }[] = [
  { arn: /:ec2:.*:volume\//, command: "aws ec2 delete-volume --volume-id ID" },
  { arn: /:ec2:.*:snapshot\//, command: "aws ec2 delete-snapshot --snapshot-id ID" },
  { arn: /:ec2:.*:network-interface\//, command: "aws ec2 delete-network-interface --network-interface-id ID" },
  { arn: /:ec2:.*:security-group\//, command: "aws ec2 delete-security-group --group-id ID" },
  { arn: /:ec2:.*:instance\//, command: "aws ec2 terminate-instances --instance-ids ID" },
  { arn: /:ec2:.*:elastic-ip\//, command: "aws ec2 release-address --allocation-id ID" },
  { arn: /:loadbalancer\//, command: "aws elbv2 delete-load-balancer --load-balancer-arn ARN" },
  { arn: /:targetgroup\//, command: "aws elbv2 delete-target-group --target-group-arn ARN" },
  { arn: /:logs:.*:log-group:/, command: "aws logs delete-log-group --log-group-name ID" },
  { arn: /:rds:.*:snapshot:/, command: "aws rds delete-db-snapshot --db-snapshot-identifier ID" },
  {
    arn: /:rds:.*:db:/,
    command: "aws rds delete-db-instance --db-instance-identifier ID --final-db-snapshot-identifier ID-last",
  },
  { arn: /:elasticache:.*:snapshot:/, command: "aws elasticache delete-snapshot --snapshot-name ID" },
  { arn: /:s3:::/, command: "aws s3 rb --force s3://ID" },
];

function removes(arn: string): string {
  const region = arn.split(":")[3] ?? "";
  const command = REMOVES.find((row) => row.arn.test(arn))?.command;
  if (command === undefined)
    return `by hand: ${arn.split(":")[2] ?? "its service"}${region === "" ? "" : ` in ${region}`}`;
  const where = region === "" ? "" : ` --region ${region}`;
  // Names of log groups have slashes in them.
  const id = /:log-group:/.test(arn) ? arn.split(":").slice(6).join(":") : lastPart(arn);
  return `${command.replaceAll("ID", id).replaceAll("ARN", arn)}${where}`;
}

/** `vol-1` of `arn:aws:ec2:eu-central-1:123456789012:volume/vol-1`. */
export function lastPart(arn: string): string {
  return arn.split(/[:/]/).at(-1) ?? arn;
}

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
  const found = new Set((await tagged(what, filters(what))).map(({ arn }) => arn));
  return [...found].sort().map((arn) => ({ arn, kept: whyKept(arn) }));
}

/** Something that bears a tag, with the keys of all of its tags. */
export interface TaggedResource {
  readonly arn: string;
  readonly tags: readonly string[];
}

/**
 * What bears a stack's own tag.
 *
 * @throws Error of the SDK as {@link findLeftovers} does
 */
export function taggedResources(what: Leftovers): Promise<readonly TaggedResource[]> {
  return tagged(what, filters({ ...what, cluster: undefined }));
}

type Filter = ReturnType<typeof filters>[number];

async function tagged({ regions, client: config }: Leftovers, asked: readonly Filter[]): Promise<TaggedResource[]> {
  const found: TaggedResource[] = [];
  for (const region of regions) {
    const client = new ResourceGroupsTaggingAPIClient({ ...config, region });
    try {
      for (const filter of asked) found.push(...(await pages(client, filter)));
    } finally {
      client.destroy();
    }
  }
  return found;
}

async function pages(client: ResourceGroupsTaggingAPIClient, filter: Filter): Promise<TaggedResource[]> {
  const found: TaggedResource[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(new GetResourcesCommand({ TagFilters: [filter], PaginationToken: token }));
    for (const { ResourceARN: arn, Tags = [] } of page.ResourceTagMappingList ?? [])
      if (arn !== undefined) found.push({ arn, tags: Tags.flatMap(({ Key }) => Key ?? []) });
    // The last page has an empty token.
    token = page.PaginationToken === "" ? undefined : page.PaginationToken;
  } while (token !== undefined);
  return found;
}

/**
 * What AWS still has of a stack that was taken down, and what removes it. Never fails: a destroy that went well is none that failed because of the
 * look.
 */
export async function leftOnAws(what: Leftovers): Promise<LeftBehind> {
  const by = `aws resourcegroupstaggingapi get-resources --tag-filters Key=${STACK_TAG},Values=${what.stack}`;
  const found = await findLeftovers(what).catch((error: unknown) => String(error));
  const where = what.regions.join(", ");
  if (typeof found === "string")
    return { objects: [], unseen: [`what AWS has of ${what.stack} in ${where}: ${found}. Look yourself: ${by}`] };
  const objects = found.map(({ arn, kept }) => ({
    ...{ kind: arn.split(":")[2] ?? "", name: arn, remove: removes(arn) },
    ...(kept === undefined ? {} : { kept }),
  }));
  const unseen = ["what AWS deletes just now: what is gone since minutes may still be named above, and be refused"];
  return { objects, unseen: objects.some(({ kept }) => kept === undefined) ? unseen : [] };
}
