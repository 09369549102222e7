import { join } from "node:path";
import type { AddOn } from "./add-on.ts";
import type { ServedApi } from "./aggregation.ts";
import { filesOf, folderOf } from "./certificates.ts";
import { ask } from "./ask.ts";
import type { Programs } from "./components.ts";
import type { Daemon } from "./daemon.ts";
import { NETWORK, type Layout } from "./layout.ts";

/** Namespace in which KEDA would run if it were pods; its service is there. */
const NAMESPACE = "keda";

const API: ServedApi = {
  group: "external.metrics.k8s.io",
  version: "v1beta1",
  service: "keda-metrics-apiserver",
  namespace: NAMESPACE,
  port: 20643,
};

/** Where the operator says how it is, and gives the adapter what triggers say; on loopback. */
const OPERATOR_PORTS = { health: 20681, metrics: 20680, triggers: 20666 } as const;
/** Where the adapter tells of itself. It cannot be told an address: anyone who reaches the machine can read it. */
const ADAPTER_METRICS_PORT = 20682;

/** What it reads of a pod's environment. */
const ENVIRONMENT = {
  WATCH_NAMESPACE: "",
  POD_NAMESPACE: NAMESPACE,
  KEDA_CLUSTER_OBJECT_NAMESPACE: NAMESPACE,
} as const;

/** Scales by triggers: the operator between none and one pod, the adapter, through an HPA that asks it, from one on. */
export function keda(layout: Layout, programs: Programs): AddOn {
  return {
    definitions: join(programs.keda, "files"),
    objects: [{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }],
    apis: [API],
    daemons: [operator(layout, programs), adapter(layout, programs)],
  };
}

function operator(layout: Layout, { keda: folder }: Programs): Daemon {
  const { health, metrics, triggers } = OPERATOR_PORTS;
  const resolver = join(layout.run, "keda-resolv.conf");
  return {
    name: "keda-operator",
    program: join(folder, "operator"),
    args: [
      `--kubeconfig=${layout.kubeconfig}`,
      "--leader-elect=false",
      "--enable-cert-rotation=false",
      `--cert-dir=${folderOf(layout, "keda")}`,
      `--health-probe-bind-address=127.0.0.1:${health}`,
      `--metrics-bind-address=127.0.0.1:${metrics}`,
      `--metrics-service-bind-address=127.0.0.1:${triggers}`,
    ],
    env: ENVIRONMENT,
    // Triggers name hosts as a pod would: postgres.slipway-dev.svc.cluster.local.
    resolver,
    files: { [resolver]: podResolver(NAMESPACE) },
    isReady: async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok,
  };
}

/** What a pod of a namespace has in /etc/resolv.conf. */
function podResolver(namespace: string): string {
  const search = [`${namespace}.svc.cluster.local`, "svc.cluster.local", "cluster.local"];
  return `nameserver ${NETWORK.machine}\nsearch ${search.join(" ")}\noptions ndots:5\n`;
}

function adapter(layout: Layout, { keda: folder }: Programs): Daemon {
  const { cert, key } = filesOf(layout, "keda");
  return {
    name: "keda-adapter",
    program: join(folder, "adapter"),
    args: [
      ...["", "lister-", "authentication-", "authorization-"].map(
        (which) => `--${which}kubeconfig=${layout.kubeconfig}`,
      ),
      `--bind-address=${NETWORK.machine}`,
      `--secure-port=${API.port}`,
      `--client-ca-file=${filesOf(layout, "ca").cert}`,
      `--tls-cert-file=${cert}`,
      `--tls-private-key-file=${key}`,
      `--cert-dir=${folderOf(layout, "keda")}`,
      `--metrics-service-address=127.0.0.1:${OPERATOR_PORTS.triggers}`,
      `--port=${ADAPTER_METRICS_PORT}`,
    ],
    env: ENVIRONMENT,
    isReady: () => ask(layout, `https://${NETWORK.machine}:${API.port}/readyz`),
  };
}
