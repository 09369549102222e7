import type { RealCluster } from "./real-cluster.ts";

/** Names of objects outside of namespaces, `kind/name`. */
export type Names = ReadonlySet<string>;

/** Come and go by themselves: what nodes and certificates report. */
const RESTLESS =
  /^(certificatesigningrequests|componentstatuses|nodes\.metrics|flowschemas|prioritylevelconfigurations|apiservices)\b/;

/** Everything that the cluster has outside of namespaces, the namespaces themselves included. */
export async function clusterWide({ kubectl }: RealCluster): Promise<Names> {
  const kinds = (await kubectl("api-resources", "--namespaced=false", "--verbs=list", "--output=name"))
    .split("\n")
    .filter((kind) => kind !== "" && !RESTLESS.test(kind));
  const printed = await kubectl("get", kinds.join(","), "--output=name", "--ignore-not-found");
  return new Set(printed.split("\n").filter((name) => name !== ""));
}

/** What is there now and was not before. */
export function added(before: Names, now: Names): string[] {
  return [...now].filter((name) => !before.has(name)).sort();
}
