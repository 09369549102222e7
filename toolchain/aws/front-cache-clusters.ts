import { element, nest, WireError, xml, type AwsAnswer, type AwsHandler } from "./front-wire.ts";

/**
 * The cache clusters that a replication group consists of. moto makes the group and names its members, but does not
 * describe them; they are told from what the group was asked to be.
 */

/** The fields of the last requests for a group. */
type Asked = ReadonlyMap<string, string>;

export function cacheClusters(): AwsHandler {
  const groups = new Map<string, Asked>();
  return (request, ask) => {
    const form = new URLSearchParams(request.text);
    const id = form.get("ReplicationGroupId") ?? "";
    switch (form.get("Action")) {
      case "CreateReplicationGroup":
      case "ModifyReplicationGroup":
        groups.set(id, new Map([...(groups.get(id) ?? []), ...form]));
        return withMembers(ask(request), id, groups);
      case "DescribeReplicationGroups":
        return withMembers(ask(request), id, groups);
      case "DeleteReplicationGroup":
        groups.delete(id);
        return undefined;
      case "DescribeCacheClusters":
        return describe(form.get("CacheClusterId"), groups);
      default:
        return undefined;
    }
  };
}

/** moto names one member, however many there are to be. */
async function withMembers(
  asked: Promise<AwsAnswer>,
  group: string,
  groups: ReadonlyMap<string, Asked>,
): Promise<AwsAnswer> {
  const answer = await asked;
  const count = Number(groups.get(group)?.get("NumCacheClusters") ?? 0);
  if (answer.status !== 200 || count === 0) return answer;
  const names = Array.from({ length: count }, (_, index) => `${group}-${String(index + 1).padStart(3, "0")}`);
  const members = nest("MemberClusters", names.map((name) => element("ClusterId", name)).join(""));
  const body = String(answer.body).replace(/<MemberClusters>[\s\S]*?<\/MemberClusters>/, members);
  return { ...answer, headers: { "content-type": "text/xml" }, body };
}

/** A member is called GROUP-001, in a group of shards GROUP-0001-001. Others are clusters of their own: moto's. */
function describe(cluster: string | null, groups: ReadonlyMap<string, Asked>) {
  const group = /^(.*?)(?:-\d{4})?-\d{3}$/.exec(cluster ?? "")?.[1];
  const asked = group === undefined ? undefined : groups.get(group);
  if (cluster === null || group === undefined) return undefined;
  if (asked === undefined) throw new WireError("CacheClusterNotFound", `Cache cluster ${cluster} not found.`, 404);
  return xml("DescribeCacheClusters", nest("CacheClusters", nest("CacheCluster", told(cluster, { group, asked }))));
}

function told(cluster: string, { group, asked }: { readonly group: string; readonly asked: Asked }): string {
  const field = (name: string, otherwise = "") => element(name, asked.get(name) ?? otherwise);
  const version = asked.get("EngineVersion") ?? "";
  const endpoint = nest("Endpoint", element("Address", `${cluster}.cache.test`) + field("Port", "6379"));
  return [
    ...[
      element("CacheClusterId", cluster),
      element("ReplicationGroupId", group),
      field("Engine"),
      field("CacheNodeType"),
    ],
    // Asked for 8.0, AWS makes 8.0.1.
    element("EngineVersion", /^\d+\.\d+$/.test(version) ? `${version}.1` : version),
    ...[element("CacheClusterStatus", "available"), element("NumCacheNodes", "1"), field("CacheSubnetGroupName")],
    ...["AutoMinorVersionUpgrade", "TransitEncryptionEnabled", "AtRestEncryptionEnabled"].map((name) =>
      field(name, "false"),
    ),
    ...[field("PreferredMaintenanceWindow", "sun:03:00-sun:04:00"), field("SnapshotRetentionLimit", "0")],
    field("SnapshotWindow", "01:00-02:00"),
    nest("CacheParameterGroup", field("CacheParameterGroupName") + element("ParameterApplyStatus", "in-sync")),
    nest(
      "SecurityGroups",
      [...asked]
        .filter(([name]) => name.startsWith("SecurityGroupIds."))
        .map(securityGroup)
        .join(""),
    ),
    nest("CacheNodes", nest("CacheNode", element("CacheNodeId", "0001") + endpoint)),
  ].join("");
}

function securityGroup([, id]: readonly [string, string]): string {
  return nest("member", element("SecurityGroupId", id) + element("Status", "active"));
}
