import { element, nest, WireError, xml, type AwsAnswer, type AwsHandler } from "./front-wire.ts";

/**
 * The cache clusters that a replication group consists of. moto makes the group and names its members, but does not
 * describe them; they are told from what the group was asked to be. A group that is deleted stays "deleting" there for good.
 */

/** The fields of the last requests for a group. */
type Asked = ReadonlyMap<string, string>;

export function cacheClusters(): AwsHandler {
  const groups = new Map<string, Asked>();
  return async (request, ask) => {
    const form = new URLSearchParams(request.text);
    const id = form.get("ReplicationGroupId") ?? "";
    const told = () => mended(ask(request), { group: id, region: request.region, groups });
    switch (form.get("Action")) {
      case "CreateReplicationGroup":
      case "ModifyReplicationGroup":
        groups.set(id, new Map([...(groups.get(id) ?? []), ...form]));
        return told();
      case "DescribeReplicationGroups":
        return existing(await told(), id);
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

/** Without those that are being deleted. */
function existing(answer: AwsAnswer, id: string): AwsAnswer {
  const body = String(answer.body).replace(
    /<ReplicationGroup><ReplicationGroupId>(?:(?!<\/ReplicationGroup>)[\s\S])*<Status>deleting<[\s\S]*?<\/ReplicationGroup>/g,
    "",
  );
  if (id !== "" && answer.status === 200 && !body.includes("<ReplicationGroupId>"))
    throw new WireError("ReplicationGroupNotFoundFault", `Replication group ${id} not found.`, 404);
  return { ...answer, body };
}

interface Known {
  readonly group: string;
  readonly region: string;
  readonly groups: ReadonlyMap<string, Asked>;
}

/** moto names one member, however many there are to be, and puts every group in us-east-1 under a name by chance. */
async function mended(asked: Promise<AwsAnswer>, { group, region, groups }: Known): Promise<AwsAnswer> {
  const answer = await asked;
  if (answer.status !== 200) return answer;
  const count = Number(groups.get(group)?.get("NumCacheClusters") ?? 0);
  const names = Array.from({ length: count }, (_, index) => `${group}-${String(index + 1).padStart(3, "0")}`);
  const members = nest("MemberClusters", names.map((name) => element("ClusterId", name)).join(""));
  const body = String(answer.body)
    .replace(/(master|replica)\.([^.<]+)\.[a-z0-9]{6}\.use1\.cache\.amazonaws\.com/g, `$1-$2.${cacheDomain(region)}`)
    .replace(/<MemberClusters>[\s\S]*?<\/MemberClusters>/, count === 0 ? "$&" : members);
  return { ...answer, headers: { "content-type": "text/xml" }, body };
}

/**
 * Domain of the groups' endpoints, which are `master-GROUP` there: AWS has another level, `master.GROUP`, where one certificate
 * could not be for all groups. It writes eu-central-1 as euc1.
 *
 * @param region such as eu-central-1
 */
export function cacheDomain(region: string): string {
  const [area = "", side = "", number = ""] = region.split("-");
  const short = side.replace(/^(north|south)?(.).*$/, (_, first: string | undefined, second: string) =>
    first === undefined ? second : `${first.charAt(0)}${second}`,
  );
  return `slpway.${area}${short}${number}.cache.amazonaws.com`;
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
    // Whoever asks for TLS and says no mode gets the strict one.
    ...(asked.get("TransitEncryptionEnabled") === "true" ? [field("TransitEncryptionMode", "required")] : []),
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
