import type { Input } from "@pulumi/pulumi";
import { inNamespace, nothingButNames, podsOf, policy, tcp, type Peer } from "./network-policy.ts";
import type { Place } from "./place.ts";
import type { Server } from "./surroundings.ts";

/** Ports of KEDA's programs. */
export const KEDA_PORTS = { health: 8081, metrics: 8080, triggers: 9666, adapter: 6443 } as const;

/** Its programs, by the names that its certificates and its part of the API go by. */
export const OPERATOR = "keda-operator";
export const ADAPTER = "keda-metrics-apiserver";

export interface KedaPoliciesArgs {
  readonly database: Pick<Server<unknown>, "where">;
  /** The stack's namespace. */
  readonly namespace: Input<string>;
  /** Where the cluster's own API answers, and asks from. */
  readonly clusterApi: readonly Peer[];
  /** Namespace of those who read its metrics. @default nobody */
  readonly scrapers?: string | undefined;
  /** KEDA's namespace. */
  readonly home: Place;
}

/** Who KEDA speaks to: the cluster's API, which also asks the adapter, the adapter the operator, and this the database. */
export function kedaPolicies({ database, namespace, clusterApi, scrapers, home }: KedaPoliciesArgs): void {
  const [operator, adapter, both] = [podsOf([OPERATOR]), podsOf([ADAPTER]), podsOf([OPERATOR, ADAPTER])];
  nothingButNames("keda-", home);
  const toApi = clusterApi.map(({ cidr, port }) => ({ to: [{ ipBlock: { cidr } }], ports: tcp(port) }));
  policy("keda-to-cluster-api", both, { egress: toApi }, home);
  const apiServers = [...new Set(clusterApi.map(({ cidr }) => cidr))].map((cidr) => ({ ipBlock: { cidr } }));
  policy("cluster-api-to-keda", adapter, { ingress: [{ from: apiServers, ports: tcp(KEDA_PORTS.adapter) }] }, home);
  const asked = tcp(KEDA_PORTS.triggers);
  policy("keda-adapter-to-operator", adapter, { egress: [{ to: [{ podSelector: operator }], ports: asked }] }, home);
  policy(
    "keda-operator-from-adapter",
    operator,
    { ingress: [{ from: [{ podSelector: adapter }], ports: asked }] },
    home,
  );
  const { port, cidrs } = database.where;
  const inside = [{ namespaceSelector: inNamespace(namespace), podSelector: podsOf(["postgres"]) }];
  const to = cidrs === undefined ? inside : cidrs.map((cidr) => ({ ipBlock: { cidr } }));
  policy("keda-to-postgres", operator, { egress: [{ to, ports: tcp(port) }] }, home);
  if (scrapers === undefined) return;
  const from = [{ namespaceSelector: inNamespace(scrapers) }];
  policy("scrapers-to-keda", both, { ingress: [{ from, ports: tcp(KEDA_PORTS.metrics) }] }, home);
}
