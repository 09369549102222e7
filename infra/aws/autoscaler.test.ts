import { Provider } from "@pulumi/kubernetes/provider.js";
import { output, type Resource } from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { kubernetesSchema } from "../../configs/kubernetes-settings.ts";
import { ACCOUNT, arnOf, CLUSTER, recordPart, TYPES as AWS, waitsFor } from "../../test/pulumi/aws.ts";
import { at, clusterStack, inputsOf, listAt, namesOf, podsOf, TYPES } from "../../test/pulumi/kubernetes.ts";
import type { RecordedResource } from "../../test/pulumi/recorder.ts";
import { breaches } from "../../policies/restricted.ts";
import { clusterConfig } from "../kubernetes/settings.ts";
import type { PoolPlan } from "../plan/node-pools.ts";
import { autoscaler } from "./autoscaler.ts";
import type { NodeGroupOf } from "./node-groups.ts";
import type { AwsPlace } from "./place.ts";
import { role } from "./role.ts";

const IMAGE = `registry.example/cluster-autoscaler@sha256:${"0".repeat(64)}`;
const HOME = "slipway-unit-autoscaler";
const PEERS = [
  { cidr: "0.0.0.0/0", port: 443 },
  { cidr: "169.254.170.23/32", port: 80 },
];

const POOL: PoolPlan = {
  ...{ name: "cpu", instanceTypes: [], capacity: "on-demand", min: 0, max: 1, labels: {}, taints: [], tags: {} },
  ...{ diskGiB: 120, diskEncrypted: true, ami: "AL2023_x86_64_STANDARD", zones: [] },
};
const SPOT: PoolPlan = { ...POOL, name: "cpu-spot", capacity: "spot" };

interface Stack {
  readonly resources: readonly RecordedResource[];
}

async function record(pools: readonly PoolPlan[], kubernetes: object = {}): Promise<Stack> {
  const config = clusterConfig(clusterStack(kubernetes), true);
  return recordPart((place) => {
    const groups = pools.map((pool) => group(pool, place));
    const base = {
      ...{ account: ACCOUNT, nodes: groups, ready: groups.map(({ is }) => is) },
      cluster: { name: output(CLUSTER), arn: output(arnOf("eks", `cluster/${CLUSTER}`)) },
    };
    const provider = new Provider("cluster", {}, { parent: place.parent });
    const beside = { parent: place.parent, provider, keep: true };
    return autoscaler({ plan: { image: IMAGE }, config, base, peers: PEERS, place, beside }).length;
  });
}

/** A group that is there, and stands for a node that is. */
function group(pool: PoolPlan, place: AwsPlace): NodeGroupOf {
  const service = "ec2.amazonaws.com";
  const is: Resource =
    role({ name: `stands-for-${pool.name}`, description: pool.name, service, place }).rights[0] ?? place.parent;
  return { pool, autoscalingGroup: output(`eks-nodes-${pool.name}-5ac0`), is };
}

let stack: Stack;
beforeAll(async () => {
  stack = await record([POOL, SPOT], { metrics: { namespace: "monitoring" } });
});

const pod = (of = stack) => podsOf(of).get("Deployment autoscaler") ?? {};
const flags = (of = stack) => listAt(pod(of), "containers", 0, "args").map(String);

describe("the cluster autoscaler's pod", () => {
  it("stands in a namespace of its own, which lets in what is restricted alone, and goes with the stack", () => {
    const [made] = stack.resources.filter(({ type }) => type === TYPES.namespace);
    expect(made?.inputs["metadata"]).toMatchObject({
      name: HOME,
      labels: { "pod-security.kubernetes.io/enforce": "restricted" },
    });
    expect(made?.isProtected).toBe(false);
    expect(at(inputsOf(stack, TYPES.deployment, "autoscaler"), "metadata", "namespace")).toBe(HOME);
    expect(breaches(pod())).toEqual([]);
    expect(at(pod(), "containers", 0, "securityContext")).toEqual({
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
    });
    expect(pod()).toMatchObject({ securityContext: { runAsNonRoot: true, runAsUser: 65_532 } });
  });

  it("runs the image that the stack's file names, on the system pool, before others", () => {
    expect(at(pod(), "containers", 0)).toMatchObject({ image: IMAGE, command: ["/cluster-autoscaler"] });
    expect(pod()).toMatchObject({
      nodeSelector: { "slipway/pool": "system" },
      tolerations: [{ key: "CriticalAddonsOnly", operator: "Exists" }],
      priorityClassName: "system-cluster-critical",
    });
  });

  it("has a short token of its own where client-go looks for it, and no other", () => {
    expect(pod()["automountServiceAccountToken"]).toBe(false);
    const [volume] = listAt(pod(), "volumes").filter((one) => JSON.stringify(one).includes("serviceAccountToken"));
    expect(at(volume, "projected", "sources", 0)).toEqual({
      serviceAccountToken: { path: "token", expirationSeconds: 600 },
    });
    const mounts = listAt(pod(), "containers", 0, "volumeMounts");
    expect(mounts.find((mount) => at(mount, "name") === at(volume, "name"))).toMatchObject({
      ...{ mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true },
    });
  });

  it("is left where it is by itself", () => {
    const template = at(inputsOf(stack, TYPES.deployment, "autoscaler"), "spec", "template");
    expect(at(template, "metadata", "annotations", "cluster-autoscaler.kubernetes.io/safe-to-evict")).toBe("false");
  });

  it("is asked whether its looks go well, and says in which region it is", () => {
    const container = at(pod(), "containers", 0);
    for (const probe of ["readinessProbe", "livenessProbe"])
      expect(at(container, probe, "httpGet")).toEqual({ path: "/health-check", port: 8085 });
    expect(at(container, "env")).toEqual([{ name: "AWS_REGION", value: ACCOUNT.region }]);
  });

  it("waits for nodes, its role and its rights", () => {
    const waits = waitsFor(stack.resources, TYPES.deployment, "autoscaler");
    expect(waits).toEqual(
      expect.arrayContaining([
        `${AWS.podIdentity} autoscaler`,
        `${TYPES.clusterRoleBinding} autoscaler`,
        `${TYPES.roleBinding} autoscaler`,
        `${TYPES.configMap} autoscaler-priorities`,
      ]),
    );
  });
});

describe("what it is told", () => {
  it("are the groups of this cluster, which its role is for, and how long a node may take to come and to go", () => {
    expect(flags()).toEqual([
      "--cloud-provider=aws",
      `--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/${CLUSTER}`,
      `--namespace=${HOME}`,
      "--expander=priority,least-waste",
      "--skip-nodes-with-system-pods=false",
      "--skip-nodes-with-local-storage=false",
      "--max-graceful-termination-sec=900",
      "--max-node-provision-time=900s",
      "--v=1",
      "--logging-format=json",
    ]);
    const policy = stack.resources.find(({ type, name }) => type === AWS.rolePolicy && name === "autoscaler");
    const condition = [`k8s.io/cluster-autoscaler/enabled`, `k8s.io/cluster-autoscaler/${CLUSTER}`];
    for (const tag of condition) expect(String(policy?.inputs["policy"])).toContain(`"aws:ResourceTag/${tag}"`);
  });

  it("follows the stack's file where it says how long a node with GPUs takes", async () => {
    const slow = await record([POOL], { gpu: { nodeStartSeconds: 1800 } });
    expect(flags(slow)).toContain("--max-node-provision-time=1800s");
  });

  it("is to take spot first, by the groups' own names, and every other group after", () => {
    const map = inputsOf(stack, TYPES.configMap, "autoscaler-priorities");
    expect(map["metadata"]).toMatchObject({ name: "cluster-autoscaler-priority-expander", namespace: HOME });
    expect(map["data"]).toEqual({ priorities: "20:\n  - ^eks-nodes-cpu-spot-5ac0$\n10:\n  - .*\n" });
  });

  it("is nothing of spot where there is none", async () => {
    const still = await record([POOL]);
    expect(flags(still)).toContain("--expander=least-waste");
    expect(namesOf(still, TYPES.configMap)).toEqual([]);
  });
});

describe("what it may do", () => {
  it("is of AWS what its role lets it, which is its service account's alone", () => {
    expect(inputsOf(stack, AWS.podIdentity, "autoscaler")).toMatchObject({
      ...{ clusterName: CLUSTER, namespace: HOME, serviceAccount: "cluster-autoscaler" },
    });
    expect(at(inputsOf(stack, TYPES.account, "cluster-autoscaler"), "metadata", "namespace")).toBe(HOME);
    const binding = inputsOf(stack, TYPES.clusterRoleBinding, "autoscaler");
    expect(binding).toMatchObject({
      roleRef: { kind: "ClusterRole", name: HOME },
      subjects: [{ kind: "ServiceAccount", name: "cluster-autoscaler", namespace: HOME }],
    });
    expect(inputsOf(stack, TYPES.roleBinding, "autoscaler")["subjects"]).toEqual(binding["subjects"]);
  });

  /** `verb resource`, for everything but reading. */
  const changes = (of: unknown) =>
    listAt(of, "rules").flatMap((rule) =>
      listAt(rule, "resources").flatMap((resource) =>
        listAt(rule, "verbs")
          .filter((verb) => !["get", "list", "watch"].includes(String(verb)))
          .map((verb) => `${String(verb)} ${String(resource)}`),
      ),
    );

  it("is in the cluster to mark nodes, to evict pods and to say so, and else to look", () => {
    const everywhere = inputsOf(stack, TYPES.clusterRole, "autoscaler");
    expect(changes(everywhere).sort()).toEqual([
      ...["create events", "create pods/eviction", "patch events", "update nodes", "update pods/status"],
    ]);
    const seen = listAt(everywhere, "rules").flatMap((rule) => listAt(rule, "resources").map(String));
    expect(seen).not.toContain("secrets");
    expect(seen).not.toContain("configmaps");
    // Without a list of each it scales nothing, and says that it is well.
    for (const kind of ["pods", "nodes", "volumeattachments", "csinodes", "resourceclaims", "resourceslices", "jobs"])
      expect(seen, kind).toContain(kind);
    expect(JSON.stringify(everywhere)).not.toContain('"*"');
  });

  it("is at home to keep its own lease, status and priorities, by their names", () => {
    const home = inputsOf(stack, TYPES.role, "autoscaler");
    expect(at(home, "metadata", "namespace")).toBe(HOME);
    const unnamed = listAt(home, "rules").filter((rule) => at(rule, "resourceNames") === undefined);
    expect(unnamed.flatMap((rule) => changes({ rules: [rule] }))).toEqual(["create configmaps", "create leases"]);
    const named = listAt(home, "rules").flatMap((rule) => listAt(rule, "resourceNames"));
    expect(named).toEqual([
      ...["cluster-autoscaler-status", "cluster-autoscaler-priority-expander", "cluster-autoscaler"],
    ]);
  });

  it("is to speak to names, AWS and the cluster's API, and to be read by who reads metrics", () => {
    const spec = (name: string, of = stack) => inputsOf(of, TYPES.policy, name)["spec"];
    expect(namesOf(stack, TYPES.policy)).toEqual([
      ...["autoscaler-default-deny", "autoscaler-dns", "autoscaler-to-aws", "scrapers-to-cluster-autoscaler"],
    ]);
    for (const name of namesOf(stack, TYPES.policy))
      expect(at(inputsOf(stack, TYPES.policy, name), "metadata", "namespace")).toBe(HOME);
    expect(spec("autoscaler-default-deny")).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    const out = PEERS.map(({ cidr, port }) => ({ to: [{ ipBlock: { cidr } }], ports: [{ protocol: "TCP", port }] }));
    expect(spec("autoscaler-to-aws")).toMatchObject({ policyTypes: ["Egress"], egress: out });
    expect(at(spec("scrapers-to-cluster-autoscaler"), "ingress")).toEqual([
      {
        from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }],
        ports: [{ protocol: "TCP", port: 8085 }],
      },
    ]);
  });

  it("is read by nobody where the stack's file names no reader", async () => {
    const alone = await record([POOL]);
    expect(at(inputsOf(alone, TYPES.policy, "scrapers-to-cluster-autoscaler"), "spec", "ingress")).toEqual([]);
    expect(kubernetesSchema.parse({}).metrics).toBeUndefined();
  });
});
