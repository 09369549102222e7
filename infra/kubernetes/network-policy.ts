import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1/networkPolicy.js";
import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import type { Input } from "@pulumi/pulumi";
import type { KubernetesSettings } from "../../configs/kubernetes-settings.ts";
import { options, SERVICE_LABEL, stackLabels, type Place } from "./place.ts";

/** Who may speak to a data service, and where it is. */
export interface DataAccess {
  readonly name: "postgres" | "redis";
  readonly port: number;
  /** Services of the stack. */
  readonly clients: readonly string[];
  /** Namespaces of others that may too. */
  readonly namespaces: readonly string[];
  /** Networks that it is in. @default it stands in the namespace */
  readonly cidrs?: readonly string[];
}

export interface NetworkPoliciesArgs {
  readonly data: readonly DataAccess[];
  readonly api: { readonly name: string; readonly port: number };
  /** Namespace of the ingress controller. */
  readonly ingressNamespace?: string;
  /** Networks of a load balancer. Without either nobody from outside the namespace reaches the API. */
  readonly loadBalancer?: readonly string[];
  /** Others outside the cluster that programs speak to, by what they are. */
  readonly peers?: readonly PeerAccess[];
  /** Who reads the metrics of our programs. @default nobody from outside the namespace */
  readonly metrics?: MetricsAccess;
  readonly place: Place;
}

/** A scraper of metrics, and what it reads. */
export interface MetricsAccess {
  /** Of the scraper's pods. */
  readonly namespace: string;
  readonly services: readonly string[];
  /** The same of all services. */
  readonly port: number;
}

/** Somebody outside the cluster, as network policies name them. */
export interface Peer {
  readonly cidr: string;
  readonly port: number;
}

/** Where the cluster's own API answers. Policies look at addresses behind the service `kubernetes`, and those are nobody's pods. */
export function clusterApi({ busyWorkers: { apiCidrs, apiPorts } }: Pick<KubernetesSettings, "busyWorkers">): Peer[] {
  return apiCidrs.flatMap((cidr) => apiPorts.map((port) => ({ cidr, port })));
}

/** Programs that speak to somebody outside the cluster. */
export interface PeerAccess {
  /** Of the policy. */
  readonly name: string;
  readonly clients: readonly string[];
  readonly peers: readonly Peer[];
}

type Rules = Omit<k8s.networking.v1.NetworkPolicySpec, "policyTypes" | "podSelector">;

/** Addresses of node-local DNS caches, which are in no namespace. */
const NODE_LOCAL_DNS = "169.254.0.0/16";

/** Nothing reaches a pod of the namespace and no pod reaches anything, but for what is said here. */
export function networkPolicies(args: NetworkPoliciesArgs): void {
  const { data, api, ingressNamespace, loadBalancer, peers = [], metrics, place } = args;
  nothingButNames("", place);
  if (ingressNamespace !== undefined) {
    const from = [{ namespaceSelector: inNamespace(ingressNamespace) }];
    policy("ingress-to-api", podsOf([api.name]), { ingress: [{ from, ports: tcp(api.port) }] }, place);
  }
  if (loadBalancer !== undefined) {
    const from = loadBalancer.map((cidr) => ({ ipBlock: { cidr } }));
    policy("load-balancer-to-api", podsOf([api.name]), { ingress: [{ from, ports: tcp(api.port) }] }, place);
  }
  for (const access of data) dataPolicies(access, place);
  for (const { name, clients, peers: to } of peers) {
    const egress = to.map(({ cidr, port }) => ({ to: [{ ipBlock: { cidr } }], ports: tcp(port) }));
    policy(name, podsOf(clients), { egress }, place);
  }
  if (metrics !== undefined) {
    const from = [{ namespaceSelector: inNamespace(metrics.namespace) }];
    const ingress = [{ from, ports: tcp(metrics.port) }];
    policy("scrapers-to-services", podsOf(metrics.services), { ingress }, place);
  }
}

/**
 * No pod of a namespace is reached or reaches anything but the cluster's DNS; what else there is, other policies say.
 *
 * @param prefix of the policies' names
 */
export function nothingButNames(prefix: string, place: Place): void {
  policy(`${prefix}default-deny`, {}, {}, place, ["Ingress", "Egress"]);
  const dns = [{ namespaceSelector: inNamespace("kube-system") }, { ipBlock: { cidr: NODE_LOCAL_DNS } }];
  const dnsPorts = ["UDP", "TCP"].map((protocol) => ({ protocol, port: 53 }));
  policy(`${prefix}dns`, {}, { egress: [{ to: dns, ports: dnsPorts }] }, place);
}

/**
 * Nobody reaches an exporter but those who read its metrics; in a namespace where nothing else is denied.
 *
 * @param scrapers namespace of their pods @default nobody
 */
export function exporterPolicy(name: string, port: number, scrapers: string | undefined, place: Place): void {
  const from = scrapers === undefined ? [] : [{ namespaceSelector: inNamespace(scrapers) }];
  // A rule with an empty `from` would let everybody in.
  const ingress = from.length === 0 ? [] : [{ from, ports: tcp(port) }];
  policy(`scrapers-to-${name}`, podsOf([name]), { ingress }, place);
}

function dataPolicies({ name, port, clients, namespaces, cidrs }: DataAccess, place: Place): void {
  const others = namespaces.map((other) => ({ namespaceSelector: inNamespace(other) }));
  const to = cidrs === undefined ? [{ podSelector: podsOf([name]) }] : cidrs.map((cidr) => ({ ipBlock: { cidr } }));
  policy(`clients-to-${name}`, podsOf(clients), { egress: [{ to, ports: tcp(port) }] }, place);
  if (cidrs !== undefined) return;
  const from = [{ podSelector: podsOf(clients) }, ...others];
  policy(`${name}-from-clients`, podsOf([name]), { ingress: [{ from, ports: tcp(port) }] }, place);
}

/** Lets the pods that are picked do what the rules say. */
export function policy(
  name: string,
  podSelector: k8s.meta.v1.LabelSelector,
  rules: Rules,
  place: Place,
  policyTypes: readonly string[] = [...(rules.ingress ? ["Ingress"] : []), ...(rules.egress ? ["Egress"] : [])],
): NetworkPolicy {
  return new NetworkPolicy(
    name,
    {
      metadata: { name, namespace: place.namespace, labels: stackLabels() },
      spec: { podSelector, policyTypes: [...policyTypes], ...rules },
    },
    options(place),
  );
}

/** Picks the pods of services. */
export function podsOf(services: readonly string[]): k8s.meta.v1.LabelSelector {
  return { matchExpressions: [{ key: SERVICE_LABEL, operator: "In", values: [...services] }] };
}

/** The API server itself gives every namespace this label. */
export function inNamespace(name: Input<string>): k8s.meta.v1.LabelSelector {
  return { matchLabels: { "kubernetes.io/metadata.name": name } };
}

export function tcp(port: number): k8s.networking.v1.NetworkPolicyPort[] {
  return [{ protocol: "TCP", port }];
}
