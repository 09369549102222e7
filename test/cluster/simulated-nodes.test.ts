import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gpuContainer, gpuPod } from "../../infra/kubernetes/gpu.ts";
import {
  CAPACITY_LABEL,
  GPU_RESOURCE,
  GPU_SHAPE_LABEL,
  planNodePools,
  POOL_LABEL,
} from "../../infra/plan/node-pools.ts";
import type { NodePoolsConfig, PoolConfig } from "../../infra/plan/node-pool-config.ts";
import { PAUSE_IMAGE } from "../../toolchain/cluster/components.ts";
import { NODE } from "../../toolchain/cluster/layout.ts";
import {
  addSimulatedNodes,
  removeSimulatedNodes,
  SIMULATED_LABEL,
  SIMULATED_TOLERATION,
} from "../../toolchain/cluster/simulated-nodes.ts";
import { at, clusterStack, recordCluster } from "../pulumi/kubernetes.ts";
import { until } from "../servers/programs.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

/**
 * Where the real scheduler puts pods among the pools that we plan. Two nodes a pool, with 4 CPUs each where there is no GPU. The nodes are
 * objects alone, and what is on them runs nowhere: kwok plays the kubelet.
 */
const NAMESPACE = "slipway-simulated-test";
const ZONES = ["us-east-1a", "us-east-1b"];
const CPU: PoolConfig = { instanceTypes: ["m7i.xlarge"], min: 0, max: 6, diskGiB: 50 };
const CONFIG: NodePoolsConfig = {
  zones: ZONES,
  system: { ...CPU, min: 2, dedicated: true },
  cpu: CPU,
  cpuSpot: { ...CPU, instanceTypes: ["m7i.xlarge", "m7a.xlarge", "m6i.xlarge"] },
  gpu: [
    { shape: "l4", max: 2 },
    { shape: "a100x8", max: 2, sharing: { mode: "mig", profile: "3g.20gb" } },
  ],
};
const TYPES = ["m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "g6.xlarge", "p4d.24xlarge"];
const NODES_EACH = 2;
/** What the stack of {@link clusterStack} calls the namespace of NVIDIA's daemons. */
const GPU_NAMESPACE = "slipway-unit-gpu";
let cluster: RealCluster;

beforeAll(async () => {
  cluster = await useCluster();
  await cluster.apply([{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }]);
  await until("the namespace has its account", async () =>
    (await cluster.kubectl("get", "serviceaccounts", "--namespace", NAMESPACE, "--output=name")).includes("default"),
  );
  const pools = planNodePools("test", CONFIG, new Map(TYPES.map((type) => [type, ZONES])));
  await addSimulatedNodes(
    cluster,
    pools.map((pool) => ({ pool, nodes: NODES_EACH })),
  );
});
afterAll(async () => {
  await cluster.kubectl("delete", "namespace", NAMESPACE, GPU_NAMESPACE, "--ignore-not-found");
  await removeSimulatedNodes(cluster);
  await cluster.leave();
});

interface PodShape {
  readonly nodeSelector?: object;
  readonly tolerations?: readonly object[];
  readonly resources?: object;
}

function pod(name: string, { nodeSelector = {}, tolerations = [], resources = {} }: PodShape): object {
  const containers = [{ name: "main", image: PAUSE_IMAGE, imagePullPolicy: "Never", resources }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: NAMESPACE },
    spec: { terminationGracePeriodSeconds: 0, nodeSelector, tolerations, containers },
  };
}

/** A pod that may land on simulated nodes, and on no other. */
function simulated(name: string, { nodeSelector = {}, tolerations = [], ...shape }: PodShape): object {
  return pod(name, {
    ...shape,
    nodeSelector: { ...nodeSelector, [SIMULATED_LABEL]: "true" },
    tolerations: [...tolerations, SIMULATED_TOLERATION],
  });
}

/** What the scheduler made of pods: the pool that each landed on, or nothing and why. */
async function place(shapes: Readonly<Record<string, PodShape>>): Promise<Record<string, string>> {
  await cluster.kubectl("delete", "pods", "--all", "--namespace", NAMESPACE);
  await cluster.apply(Object.entries(shapes).map(([name, shape]) => simulated(name, shape)));
  let placed: Record<string, string> = {};
  await until("the scheduler has looked at every pod", async () => {
    placed = await looks();
    return Object.keys(shapes).every((name) => placed[name] !== undefined);
  });
  return placed;
}

interface Listed<T> {
  readonly items: readonly T[];
}

interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

async function pods(): Promise<readonly Pod[]> {
  return (JSON.parse(await cluster.kubectl("get", "pods", "-n", NAMESPACE, "--output=json")) as Listed<Pod>).items;
}

async function looks(): Promise<Record<string, string>> {
  const found = (await pods()).flatMap(({ metadata, spec, status }) => {
    const refused = status.conditions?.find((one) => one.type === "PodScheduled" && one.status === "False");
    const where = spec.nodeName?.replace(/^simulated-|-\d+$/g, "") ?? refused?.message;
    return where === undefined ? [] : [[metadata.name, where] as const];
  });
  return Object.fromEntries(found);
}

/** What a GPU worker's pod asks for, as the stack makes it. */
function gpuWorker(nodeSelector: Record<string, string> = {}): PodShape {
  const { tolerations } = gpuPod({ nodeSelector });
  const { resources } = gpuContainer(50, { cpus: 2, memoryMiB: 4096 });
  return { nodeSelector, tolerations: tolerations as object[], resources: resources as object };
}

const TWO_CPUS: PodShape = { resources: { requests: { cpu: "2" } } };
const SPOT = { nodeSelector: { [CAPACITY_LABEL]: "spot" } };
const TOLERATES_SPOT = { tolerations: [{ key: CAPACITY_LABEL, value: "spot", effect: "NoSchedule" }] };

function numbered(count: number, shape: PodShape): Record<string, PodShape> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`pod-${index + 1}`, shape]));
}

describe("simulated nodes (kwok)", () => {
  it("are ready, and offer what the plan says of a GPU node", async () => {
    const columns = `{.metadata.labels.slipway/pool} {.status.allocatable.nvidia\\.com/gpu}`;
    const list = `--output=jsonpath={range .items[*]}${columns}{'\\n'}{end}`;
    const lines = (await cluster.kubectl("get", "nodes", `--selector=${SIMULATED_LABEL}`, list)).trim().split("\n");
    const offered = new Map(lines.map((line) => line.split(" ") as [string, string | undefined]));
    expect(lines.length).toBe(5 * NODES_EACH);
    expect(Object.fromEntries(offered)).toMatchObject({ cpu: "", "gpu-l4": "1", "gpu-a100x8": "16" });
  });

  it("take pods that ask for a GPU on GPU nodes alone, as many as there are GPUs", async () => {
    const l4 = { [GPU_SHAPE_LABEL]: "l4" };
    const placed = await place(numbered(3, gpuWorker(l4)));
    const where = Object.values(placed).sort();
    expect(where.slice(1)).toEqual(["gpu-l4", "gpu-l4"]);
    expect(where[0]).toMatch(new RegExp(`2 Insufficient ${GPU_RESOURCE}`));
  });

  it("take a GPU worker wherever a GPU is, where it names no shape", async () => {
    const [l4, slices] = [1, 16];
    const placed = Object.values(await place(numbered(NODES_EACH * (l4 + slices) + 1, gpuWorker())));
    const on = (pool: string) => placed.filter((where) => where === pool).length;
    expect([on("gpu-l4"), on("gpu-a100x8")]).toEqual([NODES_EACH * l4, NODES_EACH * slices]);
    expect(placed.find((where) => !where.startsWith("gpu-"))).toContain(`Insufficient ${GPU_RESOURCE}`);
  });

  it("keep everything else off nodes with GPUs, off spot nodes and off those of add-ons, even when no other has room", async () => {
    const placed = await place(numbered(5, TWO_CPUS));
    const where = Object.values(placed).sort();
    expect(where.slice(1)).toEqual(["cpu", "cpu", "cpu", "cpu"]);
    expect(where[0]).toMatch(/2 Insufficient cpu/);
  });

  it("take a pod for spot where it tolerates it, and nowhere else", async () => {
    const placed = await place({ tolerant: { ...SPOT, ...TOLERATES_SPOT }, other: SPOT });
    expect(placed["tolerant"]).toBe("cpu-spot");
    expect(placed["other"]).toMatch(/had untolerated taint/);
  });

  it("leave the pods of the real node alone, and get none of them by chance", async () => {
    await cluster.apply([pod("real", {})]);
    await cluster.kubectl("wait", "pod/real", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=60s");
    const real = (await pods()).find(({ metadata }) => metadata.name === "real");
    expect(real?.spec.nodeName).toBe(NODE);
    expect(real?.status.podIP).toMatch(/^10\.231\./);
    expect(await cluster.kubectl("get", "node", NODE, `--output=jsonpath={.metadata.labels.${POOL_LABEL}}`)).toBe("");
  });
});

/** NVIDIA's daemons and what is around them, as the stack makes them; they may land on simulated nodes besides. */
async function gpuDaemons(): Promise<readonly object[]> {
  const { resources } = await recordCluster(clusterStack({}, { gpu: { mode: "on" } }), { hasGpu: true });
  const made = resources.filter(
    ({ inputs }) =>
      at(inputs, "metadata", "namespace") === GPU_NAMESPACE || at(inputs, "metadata", "name") === GPU_NAMESPACE,
  );
  return made.map(({ inputs }) => {
    const object = structuredClone(inputs) as { spec?: { template?: { spec: { tolerations: object[] } } } };
    object.spec?.template?.spec.tolerations.push(SIMULATED_TOLERATION);
    return object;
  });
}

describe("NVIDIA's daemons (their images never run here: kwok says of each pod that it does)", () => {
  it("are taken by a real API server, and are on every node with GPUs and on no other", async () => {
    // NVIDIA's discovery labels nodes so.
    const hasGpu = `${GPU_SHAPE_LABEL},${SIMULATED_LABEL}`;
    await cluster.kubectl("label", "nodes", `--selector=${hasGpu}`, "nvidia.com/gpu.present=true");
    await cluster.apply(await gpuDaemons());
    for (const name of ["device-plugin", "dcgm-exporter"])
      await cluster.kubectl("rollout", "status", `daemonset/${name}`, `--namespace=${GPU_NAMESPACE}`, "--timeout=60s");
    const list =
      "--output=jsonpath={range .items[*]}{.metadata.labels.app\\.kubernetes\\.io/name} {.spec.nodeName}{'\\n'}{end}";
    const said = (await cluster.kubectl("get", "pods", `--namespace=${GPU_NAMESPACE}`, list)).trim().split("\n");
    const pools = said.map((line) => line.replace(/simulated-|-\d+$/g, "")).sort();
    const each = (name: string) => ["gpu-a100x8", "gpu-a100x8", "gpu-l4", "gpu-l4"].map((pool) => `${name} ${pool}`);
    expect(pools).toEqual([...each("dcgm-exporter"), ...each("device-plugin")]);
  });
});
