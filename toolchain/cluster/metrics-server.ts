import { join } from "node:path";
import type { AddOn } from "./add-on.ts";
import type { ServedApi } from "./aggregation.ts";
import { filesOf } from "./certificates.ts";
import { ask } from "./ask.ts";
import type { Programs } from "./components.ts";
import { NETWORK, type Layout } from "./layout.ts";
import { SIMULATED_LABEL } from "./simulated-nodes.ts";

const API: ServedApi = {
  group: "metrics.k8s.io",
  version: "v1beta1",
  service: "metrics-server",
  namespace: "kube-system",
  port: 20644,
};

/** Seconds between two looks at what pods use; the least that it takes. */
const RESOLUTION = 10;

/** Tells autoscalers and `kubectl top` what pods use. Figures are there some 20 s after a pod's start. */
export function metricsServer(layout: Layout, programs: Programs): AddOn {
  const { cert, key } = filesOf(layout, "metrics-server");
  return {
    objects: [],
    apis: [API],
    daemons: [
      {
        name: "metrics-server",
        program: join(programs["metrics-server"], "metrics-server"),
        args: [
          ...["", "authentication-", "authorization-"].map((which) => `--${which}kubeconfig=${layout.kubeconfig}`),
          `--bind-address=${NETWORK.machine}`,
          `--secure-port=${API.port}`,
          `--tls-cert-file=${cert}`,
          `--tls-private-key-file=${key}`,
          `--kubelet-certificate-authority=${filesOf(layout, "ca").cert}`,
          "--kubelet-preferred-address-types=InternalIP",
          "--kubelet-use-node-status-port",
          `--metric-resolution=${RESOLUTION}s`,
          // Must be less than the time between two looks.
          `--kubelet-request-timeout=${RESOLUTION / 2}s`,
          // Simulated nodes have no kubelet.
          `--node-selector=${SIMULATED_LABEL}!=true`,
        ],
        // Not /readyz: it waits for the first figures.
        isReady: () => ask(layout, `https://${NETWORK.machine}:${API.port}/livez`),
      },
    ],
  };
}
