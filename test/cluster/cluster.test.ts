import { existsSync, readFileSync } from "node:fs";
import { Resolver } from "node:dns/promises";
import { connect, type NetConnectOpts } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../../toolchain/command.ts";
import { components, DEBIAN_PROGRAMS, PAUSE_IMAGE } from "../../toolchain/cluster/components.ts";
import { findDaemon } from "../../toolchain/cluster/daemon.ts";
import { API_PORT, API_URL, NETWORK, NODE } from "../../toolchain/cluster/layout.ts";
import { freePort, until } from "../servers/programs.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

/** The cluster that the other tests of this folder stand on, itself. */
const NAMESPACE = "slipway-cluster-test";
let cluster: RealCluster;

beforeAll(async () => {
  cluster = await useCluster();
  await cluster.apply([
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: NAMESPACE, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    },
  ]);
  await until("the namespace has its account", async () =>
    (await cluster.kubectl("get", "serviceaccounts", "--namespace", NAMESPACE, "--output=name")).includes("default"),
  );
});
afterAll(async () => {
  await cluster.leave();
});

/** @param harmless whether Pod Security's `restricted` lets it in */
function pod(name: string, harmless = true): object {
  const container = { allowPrivilegeEscalation: !harmless, capabilities: { drop: ["ALL"] } };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: NAMESPACE },
    spec: {
      securityContext: { runAsNonRoot: true, fsGroup: 65535, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "main",
          image: PAUSE_IMAGE,
          imagePullPolicy: "Never",
          securityContext: container,
          volumeMounts: [{ name: "data", mountPath: "/data" }],
        },
      ],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
    },
  };
}

function claim(): object {
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data", namespace: NAMESPACE }, spec };
}

/** A service without pods: behind it is the API server. */
function serviceOfTheMachine(clusterIP: string, port: number): object[] {
  const metadata = { name: "late", namespace: NAMESPACE, labels: { "kubernetes.io/service-name": "late" } };
  return [
    { apiVersion: "v1", kind: "Service", metadata, spec: { clusterIP, ports: [{ port, targetPort: API_PORT }] } },
    {
      ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata, addressType: "IPv4" },
      endpoints: [{ addresses: [NETWORK.machine], conditions: { ready: true } }],
      ports: [{ name: "", port: API_PORT, protocol: "TCP" }],
    },
  ];
}

/** Opens a connection, and closes it again. */
function knock(address: NetConnectOpts): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(address, () => {
      // Not in good order: the port is free again at once.
      socket.resetAndDestroy();
      resolve();
    }).on("error", reject);
  });
}

function pids(): (number | undefined)[] {
  return components(cluster.layout, cluster.programs).map((daemon) => findDaemon(cluster.layout.run, daemon));
}

describe("the cluster", () => {
  it("has one real node, and the release that was asked for", async () => {
    const line = await cluster.kubectl("get", "nodes", "--no-headers");
    expect(line).toMatch(new RegExp(`^${NODE} +Ready .* v1\\.34\\.2$`));
  });

  it("runs a pod with a disk under the rules of Pod Security restricted", async () => {
    await cluster.apply([claim(), pod("good")]);
    await cluster.kubectl("wait", "pod/good", `--namespace=${NAMESPACE}`, "--for=condition=Ready", "--timeout=60s");
    const bound = await cluster.kubectl(
      "get",
      "pvc",
      "data",
      `--namespace=${NAMESPACE}`,
      "--output=jsonpath={.status.phase}",
    );
    expect(bound).toBe("Bound");
  });

  it("refuses a pod that those rules forbid", async () => {
    await expect(cluster.apply([pod("bad", false)])).rejects.toThrow(/violates PodSecurity "restricted:latest"/);
  });

  it("answers names of services, on its own address", async () => {
    const resolver = new Resolver({ timeout: 2000, tries: 3 });
    resolver.setServers([NETWORK.machine]);
    expect(await resolver.resolve4("kubernetes.default.svc.cluster.local")).toEqual([NETWORK.firstService]);
  });

  it("lets nothing that is sent to a service leave the machine, not even where no service has the address", async () => {
    const [route] = JSON.parse(
      await runCommand(DEBIAN_PROGRAMS.ip.path, ["--json", "route", "get", "10.232.255.254"]),
    ) as { dev: string }[];
    expect(route?.dev).toBe(NETWORK.bridge);
  });

  it("refuses what is sent to an address that no service has, and a service that gets it is reached from the same port", async () => {
    const [host, port, localPort] = ["10.232.77.77", 443, await freePort()];
    await expect(knock({ host, port, localPort })).rejects.toThrow(/ECONNREFUSED/);
    await cluster.apply(serviceOfTheMachine(host, port));
    const reached = () =>
      knock({ host, port }).then(
        () => true,
        () => false,
      );
    await until("the service is reached", reached);
    await knock({ host, port, localPort });
  });

  it("serves a watch from the start on", async () => {
    const watch = "/api/v1/nodes?watch=1&resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=1";
    const events = (await cluster.kubectl("get", "--raw", watch)).trim().split("\n");
    const types = events.map((event) => (JSON.parse(event) as { type: string }).type);
    expect(types).toContain("ADDED");
    expect(types).not.toContain("ERROR");
  });

  it("lets nobody in without a certificate", async () => {
    const stranger = ["--kubeconfig=/dev/null", `--server=${API_URL}`, "--insecure-skip-tls-verify", "--token=none"];
    await expect(cluster.kubectl("get", "secrets", ...stranger)).rejects.toThrow(/Unauthorized|must be logged in/);
  });

  it("is left alone where it runs, and gets back a part that was killed", async () => {
    const before = pids();
    await cluster.start();
    expect(pids()).toEqual(before);
    const scheduler = components(cluster.layout, cluster.programs).findIndex(({ name }) => name === "kube-scheduler");
    process.kill(before[scheduler] ?? 0, "SIGKILL");
    await until("it is gone", () => pids()[scheduler] === undefined);
    await cluster.start();
    expect(pids().map((pid, index) => pid === before[index])).toEqual(before.map((_, index) => index !== scheduler));
  });

  it("leaves nothing when it is ended", async () => {
    await cluster.end();
    expect(pids().filter((pid) => pid !== undefined)).toEqual([]);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(cluster.layout.folder);
    expect(existsSync(`/sys/class/net/${NETWORK.bridge}`)).toBe(false);
    const rules = ["filter", "nat"].map((table) =>
      runCommand(DEBIAN_PROGRAMS.iptables.path, ["--table", table, "--list-rules"]),
    );
    expect((await Promise.all(rules)).join("\n")).not.toMatch(/10\.23[12]\./);
    if (cluster.wasThere) await cluster.start();
  });
});
