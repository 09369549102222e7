import { WireError, xml, type AwsAnswer, type AwsHandler } from "./front-wire.ts";

/** Deletion of ElastiCache's subnet groups, which moto cannot: they are gone for whoever asks. */
export function cacheSubnets(): AwsHandler {
  const deleted = new Set<string>();
  return async (request, ask) => {
    const form = new URLSearchParams(request.text);
    const action = form.get("Action");
    const name = form.get("CacheSubnetGroupName");
    if (action !== "DeleteCacheSubnetGroup" && action !== "DescribeCacheSubnetGroups") return undefined;
    if (name !== null && deleted.has(name))
      throw new WireError("CacheSubnetGroupNotFoundFault", `Cache subnet group ${name} not found.`, 404);
    if (action === "DescribeCacheSubnetGroups") return without(await ask(request), deleted);
    if (name !== null) deleted.add(name);
    return xml("DeleteCacheSubnetGroup", "");
  };
}

function without(answer: AwsAnswer, deleted: ReadonlySet<string>): AwsAnswer {
  const body = String(answer.body).replace(/<CacheSubnetGroup>[\s\S]*?<\/CacheSubnetGroup>/g, (group) =>
    deleted.has(/<CacheSubnetGroupName>([^<]*)</.exec(group)?.[1] ?? "") ? "" : group,
  );
  return { ...answer, headers: { "content-type": "text/xml" }, body };
}
