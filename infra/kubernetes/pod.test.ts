import { beforeAll, describe, expect, it } from "vitest";
import {
  at,
  clusterStack,
  inputsOf,
  listAt,
  namesOf,
  podsOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";
import { breaches } from "../../policies/restricted.ts";

const SERVICES = ["api", "worker-cpu", "worker-gpu"];

/** Everything: KEDA, an ingress, GPUs. */
let full: RecordedCluster;
beforeAll(async () => {
  const ingress = { host: "api.example.org" };
  full = await recordCluster(clusterStack({ ingress }, { gpu: { mode: "on" } }), { hasGpu: true });
});

const template = (stack: RecordedCluster, name: string) =>
  at(inputsOf(stack, TYPES.deployment, name), "spec", "template");

type Change = (pod: Record<string, unknown>) => object;

/** A pod whose container says something else. */
function changed(fields: object): Change {
  return (pod) => ({ containers: listAt(pod, "containers").map((one) => ({ ...(one as object), ...fields })) });
}

/** The same in its security context. */
function confined(fields: object): Change {
  return (pod) => {
    const securityContext = { ...(at(pod, "containers", 0, "securityContext") as object), ...fields };
    return changed({ securityContext })(pod);
  };
}

describe("pods", () => {
  it("are let in by restricted, every one but NVIDIA's", () => {
    const verdicts = [...podsOf(full)].map(([name, spec]) => [name, breaches(spec)] as const);
    const own = verdicts.filter(([name]) => !name.startsWith("DaemonSet"));
    expect(own.map(([name]) => name).sort()).toEqual([
      ...["Deployment api", "Deployment marker", "Deployment worker-cpu", "Deployment worker-gpu"],
      ...["Job artifacts-disk", "Job migrate"],
      ...["StatefulSet postgres", "StatefulSet redis"],
    ]);
    for (const [name, found] of own) expect(found, name).toEqual([]);
    const drill = at(inputsOf(full, TYPES.cronJob, "drill"), "spec", "jobTemplate", "spec", "template", "spec");
    expect(breaches(drill as Record<string, unknown>)).toEqual([]);
    // The checker has teeth: those that mount folders of the node are the ones that need the other namespace.
    for (const [name, found] of verdicts.filter(([one]) => one.startsWith("DaemonSet")))
      expect(found, name).toContain("volumes.hostPath");
  });

  it.each<[string, Change, string]>([
    [
      "a folder of the node",
      (pod) => ({ volumes: [...listAt(pod, "volumes"), { name: "x", hostPath: {} }] }),
      "volumes.hostPath",
    ],
    ["the node's network", () => ({ hostNetwork: true }), "hostNetwork"],
    [
      "root",
      (pod) => ({ securityContext: { ...(pod["securityContext"] as object), runAsUser: 0 } }),
      "securityContext.runAsUser",
    ],
    [
      "no promise of another user",
      () => ({ securityContext: { seccompProfile: { type: "RuntimeDefault" } } }),
      "containers.api.runAsNonRoot",
    ],
    ["no seccomp profile", () => ({ securityContext: { runAsNonRoot: true } }), "containers.api.seccompProfile"],
    [
      "a seccomp profile that lets everything through",
      confined({ seccompProfile: { type: "Unconfined" } }),
      "containers.api.seccompProfile",
    ],
    ["all of the node's rights", confined({ privileged: true }), "containers.api.privileged"],
    ["rights that grow", confined({ allowPrivilegeEscalation: true }), "containers.api.allowPrivilegeEscalation"],
    [
      "one capability more",
      confined({ capabilities: { drop: ["ALL"], add: ["NET_RAW"] } }),
      "containers.api.capabilities.add.NET_RAW",
    ],
    ["an SELinux role", confined({ seLinuxOptions: { role: "sysadm_r" } }), "containers.api.seLinuxOptions.role"],
    ["no AppArmor", confined({ appArmorProfile: { type: "Unconfined" } }), "containers.api.appArmorProfile"],
    [
      "a process of the node",
      confined({ windowsOptions: { hostProcess: true } }),
      "containers.api.windowsOptions.hostProcess",
    ],
    ["an SELinux type", confined({ seLinuxOptions: { type: "spc_t" } }), "containers.api.seLinuxOptions.type"],
    ["no container that could be looked at", () => ({ containers: undefined }), "containers"],
    ["another /proc", confined({ procMount: "Unmasked" }), "containers.api.procMount"],
    ["a port of the node", changed({ ports: [{ containerPort: 1, hostPort: 1 }] }), "containers.api.ports.hostPort"],
    [
      "a probe of another host",
      changed({ livenessProbe: { tcpSocket: { host: "x", port: 1 } } }),
      "containers.api.probe.host",
    ],
    [
      "a hook at another host",
      changed({ lifecycle: { preStop: { httpGet: { host: "x" } } } }),
      "containers.api.probe.host",
    ],
    [
      "kernel settings",
      (pod) => ({ securityContext: { ...(pod["securityContext"] as object), sysctls: [{ name: "x" }] } }),
      "securityContext.sysctls",
    ],
    ["a container as it comes", () => ({ containers: [{ name: "api" }] }), "containers.api.capabilities.drop"],
  ])("would be refused with %s", (_what, change, breach) => {
    const pod = podsOf(full).get("Deployment api") ?? {};
    expect(breaches({ ...pod, ...change(pod) })).toContain(breach);
  });

  it("have a read-only root, a small /tmp in memory, no token, no service links, and all their memory reserved", () => {
    for (const [name, spec] of podsOf(full)) {
      if (name.startsWith("DaemonSet")) continue;
      expect(spec, name).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      expect(listAt(spec, "volumes"), name).toContainEqual({
        name: "tmp",
        emptyDir: { medium: "Memory", sizeLimit: "64Mi" },
      });
      const container = at(spec, "containers", 0);
      expect(at(container, "securityContext", "readOnlyRootFilesystem"), name).toBe(true);
      expect(at(container, "resources", "requests", "memory"), name).toBe(
        at(container, "resources", "limits", "memory"),
      );
      expect(at(container, "imagePullPolicy"), name).toBe("IfNotPresent");
      expect(Number(at(spec, "securityContext", "fsGroup")), name).toBeGreaterThan(10_000);
    }
    for (const name of namesOf(full, TYPES.account))
      expect(inputsOf(full, TYPES.account, name)["automountServiceAccountToken"], name).toBe(false);
  });

  it("are not pulled where images were brought by hand", async () => {
    const images = { api: "a:1", worker: "w:1", postgres: "p:1", redis: "r:1" };
    const stack = await recordCluster(clusterStack({ autoscaler: "none", importedImages: true, images }));
    const policies = [...podsOf(stack).values()].map((spec) => at(spec, "containers", 0, "imagePullPolicy"));
    expect(policies).toEqual(Array(7).fill("Never"));
  });

  it("spread over nodes and zones, and go one at a time when nodes are emptied", () => {
    for (const name of SERVICES) {
      const spread = listAt(template(full, name), "spec", "topologySpreadConstraints");
      expect(spread.map((one) => at(one, "topologyKey"))).toEqual([
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
      ]);
      expect(inputsOf(full, TYPES.budget, name)["spec"]).toEqual({
        maxUnavailable: 1,
        selector: { matchLabels: { "app.kubernetes.io/name": name } },
        unhealthyPodEvictionPolicy: "AlwaysAllow",
      });
    }
  });

  it("wait for the drain plan: those that get requests first for the requests to stay away", () => {
    const times = (name: string) => [
      at(template(full, name), "spec", "terminationGracePeriodSeconds"),
      at(template(full, name), "spec", "containers", 0, "lifecycle"),
    ];
    expect(times("api")).toEqual([5 + 25 + 5, { preStop: { sleep: { seconds: 5 } } }]);
    expect(times("worker-cpu")).toEqual([25 + 5, undefined]);
  });

  it("are asked whether they live, and apart from that whether they are ready", () => {
    for (const name of SERVICES) {
      const container = at(template(full, name), "spec", "containers", 0);
      const get = (path: string) => ({ path, port: 8000, scheme: "HTTP" });
      expect(at(container, "startupProbe")).toEqual({
        ...{ httpGet: get("/health/live"), periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 60 },
      });
      const often = { periodSeconds: 5, timeoutSeconds: 4, failureThreshold: 3 };
      expect(at(container, "readinessProbe")).toEqual({ httpGet: get("/health/ready"), ...often });
      expect(at(container, "livenessProbe")).toEqual({ httpGet: get("/health/live"), ...often });
    }
  });
});
