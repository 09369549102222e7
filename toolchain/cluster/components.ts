import { join } from "node:path";
import { runCommand } from "../command.ts";
import { aggregationArgs } from "./aggregation.ts";
import { ask } from "./ask.ts";
import { filesOf, kubeconfigOf, tokenKey } from "./certificates.ts";
import type { Daemon } from "./daemon.ts";
import { API_PORT, NETWORK, NODE, type Layout } from "./layout.ts";

const ETCD_PORT = 22379;
const ETCD_URL = `https://127.0.0.1:${ETCD_PORT}`;

/** Where the cluster's own programs say how they are, on loopback. Not their usual ports: another cluster may run here. */
const HEALTH_PORTS = {
  "controller-manager": 20257,
  scheduler: 20259,
  proxy: 20256,
  kubelet: 20248,
  dns: 20080,
} as const;

/** Folders of the programs that the cluster is made of, by the names they are built under. */
export type Programs = Readonly<
  Record<"kubernetes" | "coredns" | "pause" | "keda" | "kwok" | "metrics-server", string>
>;

/** Debian's programs, and the packages that have them. */
export const DEBIAN_PROGRAMS = {
  etcd: { path: "/usr/bin/etcd", package: "etcd-server" },
  containerd: { path: "/usr/bin/containerd", package: "containerd" },
  ctr: { path: "/usr/bin/ctr", package: "containerd" },
  runc: { path: "/usr/sbin/runc", package: "runc" },
  bridge: { path: "/usr/lib/cni/bridge", package: "containernetworking-plugins" },
  iptables: { path: "/usr/sbin/iptables", package: "iptables" },
  ip: { path: "/usr/sbin/ip", package: "iproute2" },
  openssl: { path: "/usr/bin/openssl", package: "openssl" },
} as const;

/** Name of the image that holds a pod's namespaces. */
export const PAUSE_IMAGE = "slipway.test/pause:1";

/** The programs of the cluster in the order of their start; each is ready before the next. */
export function components(layout: Layout, programs: Programs): Daemon[] {
  return [
    etcd(layout),
    containerd(layout),
    apiServer(layout, programs),
    controllerManager(layout, programs),
    scheduler(layout, programs),
    dns(layout, programs),
    // The proxy waits for the node, which the kubelet makes.
    kubelet(layout, programs),
    proxy(layout, programs),
  ];
}

function etcd(layout: Layout): Daemon {
  const { cert, key } = filesOf(layout, "etcd");
  return {
    name: "etcd",
    program: DEBIAN_PROGRAMS.etcd.path,
    args: [
      `--data-dir=${layout.etcd}`,
      `--listen-client-urls=${ETCD_URL}`,
      `--advertise-client-urls=${ETCD_URL}`,
      `--listen-peer-urls=http://127.0.0.1:${ETCD_PORT + 1}`,
      `--cert-file=${cert}`,
      `--key-file=${key}`,
      "--client-cert-auth",
      `--trusted-ca-file=${filesOf(layout, "ca").cert}`,
      // A cluster for tests: what a power cut takes is made again.
      "--unsafe-no-fsync",
    ],
    isReady: () => ask(layout, `${ETCD_URL}/health`),
  };
}

function containerd(layout: Layout): Daemon {
  const config = join(layout.run, "containerd.toml");
  const state = join(layout.run, "containerd");
  const text = `version = 2
root = "${layout.containerd}"
state = "${state}"
[grpc]
  address = "${layout.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # A machine may refuse to make a process less likely to be killed; runc fails where it is asked to.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${layout.cni}"
`;
  return {
    name: "containerd",
    program: DEBIAN_PROGRAMS.containerd.path,
    args: ["--config", config],
    files: { [config]: text },
    isReady: async () => {
      await runCommand(DEBIAN_PROGRAMS.ctr.path, ["--address", layout.socket, "version"]);
      return true;
    },
  };
}

function apiServer(layout: Layout, { kubernetes }: Programs): Daemon {
  const [api, etcdClient, kubeletClient] = (["api", "api-etcd", "api-kubelet"] as const).map((n) => filesOf(layout, n));
  const ca = filesOf(layout, "ca").cert;
  return {
    name: "kube-apiserver",
    program: join(kubernetes, "kube-apiserver"),
    args: [
      `--bind-address=${NETWORK.machine}`,
      `--advertise-address=${NETWORK.machine}`,
      `--secure-port=${API_PORT}`,
      `--tls-cert-file=${api?.cert ?? ""}`,
      `--tls-private-key-file=${api?.key ?? ""}`,
      `--client-ca-file=${ca}`,
      "--anonymous-auth=false",
      `--etcd-servers=${ETCD_URL}`,
      `--etcd-cafile=${ca}`,
      `--etcd-certfile=${etcdClient?.cert ?? ""}`,
      `--etcd-keyfile=${etcdClient?.key ?? ""}`,
      `--kubelet-certificate-authority=${ca}`,
      `--kubelet-client-certificate=${kubeletClient?.cert ?? ""}`,
      `--kubelet-client-key=${kubeletClient?.key ?? ""}`,
      "--kubelet-preferred-address-types=InternalIP",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${tokenKey(layout)}`,
      `--service-account-signing-key-file=${tokenKey(layout)}`,
      `--service-cluster-ip-range=${NETWORK.services}`,
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      // Device plugins and node agents ask for it; Pod Security says who may.
      "--allow-privileged=true",
      // Debian's etcd has not what it takes: watches from the start, as kwok's are, ended with an error each and came again ever later.
      "--feature-gates=WatchList=false",
      ...aggregationArgs(layout),
    ],
    isReady: () => ask(layout, `https://${NETWORK.machine}:${API_PORT}/readyz`),
    readySeconds: 120,
  };
}

function controllerManager(layout: Layout, { kubernetes }: Programs): Daemon {
  const ca = filesOf(layout, "ca");
  const port = HEALTH_PORTS["controller-manager"];
  return {
    name: "kube-controller-manager",
    program: join(kubernetes, "kube-controller-manager"),
    args: [
      `--kubeconfig=${kubeconfigOf(layout, "controller-manager")}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      "--leader-elect=false",
      "--use-service-account-credentials=true",
      `--service-account-private-key-file=${tokenKey(layout)}`,
      `--root-ca-file=${ca.cert}`,
      `--cluster-signing-cert-file=${ca.cert}`,
      `--cluster-signing-key-file=${ca.key}`,
    ],
    isReady: () => ask(layout, `https://127.0.0.1:${port}/healthz`, "own certificate"),
  };
}

function scheduler(layout: Layout, { kubernetes }: Programs): Daemon {
  const port = HEALTH_PORTS.scheduler;
  const args = [
    `--kubeconfig=${kubeconfigOf(layout, "scheduler")}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
  ];
  return {
    name: "kube-scheduler",
    program: join(kubernetes, "kube-scheduler"),
    args: [...args, "--leader-elect=false"],
    isReady: () => ask(layout, `https://127.0.0.1:${port}/healthz`, "own certificate"),
  };
}

function proxy(layout: Layout, { kubernetes }: Programs): Daemon {
  const address = `127.0.0.1:${HEALTH_PORTS.proxy}`;
  return {
    name: "kube-proxy",
    program: join(kubernetes, "kube-proxy"),
    args: [
      `--kubeconfig=${kubeconfigOf(layout, "proxy")}`,
      `--hostname-override=${NODE}`,
      `--cluster-cidr=${NETWORK.pods}`,
      "--proxy-mode=iptables",
      `--healthz-bind-address=${address}`,
      "--metrics-bind-address=",
      // After a time at which Docker or CNI was at the same rules it tries again this much later: 30 s by default.
      "--iptables-sync-period=2s",
      // The machine's own limits stand; some machines refuse others.
      "--conntrack-max-per-core=0",
      "--conntrack-tcp-timeout-established=0",
      "--conntrack-tcp-timeout-close-wait=0",
    ],
    isReady: async () => (await fetch(`http://${address}/livez`)).ok,
  };
}

/** CoreDNS looks twice a second at most whether its configuration is another. */
const RELOAD = "2s 1s";

function dns(layout: Layout, { coredns }: Programs): Daemon {
  const config = join(layout.run, "Corefile");
  const health = `127.0.0.1:${HEALTH_PORTS.dns}`;
  const text = `import ${layout.zones}/*
.:53 {
  bind ${NETWORK.machine}
  errors
  reload ${RELOAD}
  health ${health}
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${layout.kubeconfig}
  }
  cache 5
}
`;
  return {
    name: "coredns",
    program: join(coredns, "coredns"),
    args: ["-conf", config],
    files: { [config]: text },
    isReady: async () => (await fetch(`http://${health}/health`)).ok,
  };
}

function kubelet(layout: Layout, { kubernetes }: Programs): Daemon {
  const config = join(layout.run, "kubelet.json");
  return {
    name: "kubelet",
    program: join(kubernetes, "kubelet"),
    files: { [config]: JSON.stringify(kubeletConfig(layout), null, 2) },
    args: [
      `--config=${config}`,
      `--kubeconfig=${kubeconfigOf(layout, "kubelet")}`,
      `--root-dir=${layout.kubelet}`,
      `--hostname-override=${NODE}`,
      `--node-ip=${NETWORK.machine}`,
    ],
    isReady: async () => (await fetch(`http://127.0.0.1:${HEALTH_PORTS.kubelet}/healthz`)).ok,
  };
}

function kubeletConfig(layout: Layout): Record<string, unknown> {
  const { cert, key } = filesOf(layout, "kubelet");
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: NETWORK.machine,
    healthzPort: HEALTH_PORTS.kubelet,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: filesOf(layout, "ca").cert },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: cert,
    tlsPrivateKeyFile: key,
    containerRuntimeEndpoint: `unix://${layout.socket}`,
    cgroupDriver: "cgroupfs",
    failSwapOn: false,
    // Rules of its own among the machine's, which it would leave behind.
    makeIPTablesUtilChains: false,
    clusterDNS: [NETWORK.machine],
    clusterDomain: "cluster.local",
    // Images are brought, not pulled: none may be taken away. A full disk is the machine's concern.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
  };
}
