import { readFileSync } from "node:fs";
import { filesOf, FRONT_PROXY } from "./certificates.ts";
import { NETWORK, type Layout } from "./layout.ts";

/** A part of the API that a program beside the cluster answers: the API server passes on what is asked of it. */
export interface ServedApi {
  /** Such as `metrics.k8s.io`. */
  readonly group: string;
  readonly version: string;
  /** Service that stands for the program; its name is in the program's certificate. */
  readonly service: string;
  /** Of the service; it must be there. */
  readonly namespace: string;
  /** Where the program listens, on the machine's address in the cluster. */
  readonly port: number;
}

/** What the API server has to be told so that it passes on requests, and programs believe whom it names. */
export function aggregationArgs(layout: Layout): string[] {
  const { cert, key } = filesOf(layout, "front-proxy");
  return [
    `--requestheader-client-ca-file=${filesOf(layout, "ca").cert}`,
    // The authority signs for others too; only this name may speak for somebody else.
    `--requestheader-allowed-names=${FRONT_PROXY}`,
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    `--proxy-client-cert-file=${cert}`,
    `--proxy-client-key-file=${key}`,
    // Straight to the program, whatever the proxy of services is at.
    "--enable-aggregator-routing=true",
  ];
}

/** Name of the APIService. */
export function apiName({ group, version }: ServedApi): string {
  return `${version}.${group}`;
}

/** The objects that lead to the program: a service that selects no pods, the machine's address behind it, and the API itself. */
export function servedApi(layout: Layout, api: ServedApi): object[] {
  const { group, version, service, namespace, port } = api;
  const metadata = { name: service, namespace };
  const ports = [{ name: "https", port, protocol: "TCP" }];
  return [
    { apiVersion: "v1", kind: "Service", metadata, spec: { ports } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...metadata, labels: { "kubernetes.io/service-name": service } },
      addressType: "IPv4",
      endpoints: [{ addresses: [NETWORK.machine], conditions: { ready: true } }],
      ports,
    },
    {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: apiName(api) },
      spec: {
        ...{ group, version, groupPriorityMinimum: 100, versionPriority: 100 },
        service: { name: service, namespace, port },
        caBundle: readFileSync(filesOf(layout, "ca").cert).toString("base64"),
      },
    },
  ];
}
