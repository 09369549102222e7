import type { PoolSettings } from "../configs/aws-settings.ts";
import { wantsGpu } from "../configs/stack-faults.ts";
import type { StackConfig } from "../configs/stack.ts";
import { awsClusterConfig } from "../infra/aws/cluster-config.ts";
import { awsOf, awsPools, awsSize } from "../infra/aws/plans.ts";
import { dockerConnectionUsers, MAX_CONNECTIONS } from "../infra/docker/connections.ts";
import { clusterConnectionUsers } from "../infra/kubernetes/scale.ts";
import { kubernetesOf, scaling, type ClusterConfig } from "../infra/kubernetes/settings.ts";
import type { ServiceSupply, Supply, WorkerSupply } from "../infra/plan/capacity.ts";
import type { ConnectionUser } from "../infra/plan/connection-budget.ts";
import { gpuShape } from "../infra/plan/gpu-shapes.ts";
import { vcpusOf } from "../infra/plan/instance-types.ts";
import { gpuPlaces } from "../infra/plan/node-pools.ts";
import type { NodePoolsConfig, PoolConfig } from "../infra/plan/node-pool-config.ts";
import { WORKER_QUEUES } from "../infra/worker-queues.ts";

/**
 * What a stack's file gives to a load, at its most: what autoscalers may add is counted in.
 *
 * @param hasGpu whether GPU workers run, where a Docker engine or a cluster says so; the file may leave it to them
 * @throws PlanError, ConnectionBudgetError where its program would refuse it too
 */
export function supplyOf(stack: string, config: StackConfig, hasGpu: boolean): Supply {
  switch (config.platform) {
    case "docker": {
      const users = dockerConnectionUsers(config, hasGpu || config.gpu.mode === "on");
      return { ...ofFile(config, users), maxConnections: MAX_CONNECTIONS, database: ownDatabase(config) };
    }
    case "kubernetes":
      return clusterSupply(config, hasGpu);
    case "aws":
      return awsSupply(stack, config);
  }
}

/** Who scales is asked of the cluster by a deploy alone; most pods are the same by KEDA and by CPU, but for GPU workers. */
function clusterSupply(config: StackConfig, hasGpu: boolean): Supply {
  const kubernetes = kubernetesOf(config);
  const resolved = { ...config, kubernetes: { ...kubernetes, ...scaling(config, kubernetes, hasGpu) } };
  const users = clusterConnectionUsers(resolved, wantsGpu(config));
  const { external, maxConnections } = kubernetes.postgres;
  return {
    ...ofFile(config, users),
    ...{ maxConnections, maxConnectionsKey: "kubernetes.postgres.maxConnections" },
    ...(external === undefined ? { database: ownDatabase(config) } : {}),
  };
}

function awsSupply(stack: string, config: StackConfig): Supply {
  const settings = awsOf(config);
  const size = awsSize(stack, settings);
  const { database } = size;
  const resolved = awsClusterConfig(stack, config, size);
  const keys = { concurrencyKey: "aws.overrides.worker.concurrency" };
  return {
    ...ofFile(resolved, clusterConnectionUsers(resolved, wantsGpu(config)), keys),
    maxConnections: database.maxConnections,
    maxConnectionsKey: "aws.overrides.database.maxConnections",
    database: { cpus: database.vcpus * database.baseline, key: "aws.overrides.database.vcpus" },
    ...cpuNodes(resolved, awsPools(settings, size)),
    gpu: gpuNodes(resolved, settings.pools.gpu),
  };
}

/** Part of a node's CPUs that is left to pods of the product, beside the system's and those of every node. An estimate. */
const FOR_PODS = 0.85;

/** What the pools have for CPU workers once the API is at its most; nothing where the name of a type does not say how many CPUs it has. */
function cpuNodes({ api, worker, kubernetes }: ClusterConfig, pools: NodePoolsConfig): Pick<Supply, "nodes"> {
  const { cpu, cpuSpot } = pools;
  const cpusOf = ({ instanceTypes }: PoolConfig) =>
    Math.min(...instanceTypes.map((type) => vcpusOf(type) ?? Number.NaN)) * FOR_PODS;
  const all = [cpu, ...(cpuSpot ? [cpuSpot] : [])].reduce((sum, pool) => sum + pool.max * cpusOf(pool), 0);
  if (Number.isNaN(all)) return {};
  const reserved = kubernetes.cpuRequestPercent / 100;
  const left = Math.max(0, all - kubernetes.api.maxReplicas * api.cpus * reserved);
  const nodes = {
    ...{ cpus: Math.floor(left * 10) / 10, cpusPerWorker: worker.cpus * reserved, cpusPerNode: cpusOf(cpu) },
    ...{ key: "aws.pools.cpu.max", most: cpu.max },
  };
  return { nodes };
}

/** GPU workers run on the pools of one shape. */
function gpuNodes({ kubernetes }: ClusterConfig, pools: PoolSettings["gpu"]): NonNullable<Supply["gpu"]> {
  const shape = kubernetes.gpu.shape ?? pools[0]?.shape;
  const own = pools
    .map((pool, at) => ({ pool, at, perNode: gpuPlaces(pool, gpuShape(pool.shape)) }))
    .filter(({ pool }) => pool.shape === shape);
  return {
    places: own.reduce((sum, { pool, perNode }) => sum + pool.max * perNode, 0),
    placesPerNode: Math.max(1, ...own.map(({ perNode }) => perNode)),
    key: `aws.pools.gpu[${own[0]?.at ?? 0}].max`,
  };
}

function ownDatabase({ postgres }: StackConfig): NonNullable<Supply["database"]> {
  return { cpus: postgres.cpus, key: "postgres.cpus" };
}

/** Services by the file, and how many of each by who holds connections. */
function ofFile(
  { api, worker, gpu }: StackConfig,
  users: readonly ConnectionUser[],
  { concurrencyKey = "worker.concurrency" } = {},
): Pick<Supply, "workers" | "api" | "users"> {
  const service = (name: string, cpus: number): ServiceSupply => {
    const user = users.find((one) => one.name === name);
    const copiesKey = user?.keys.find((key) => /replicas$/i.test(key));
    return { copies: user?.replicas ?? 0, cpus, copiesKey };
  };
  const workers: WorkerSupply[] = [
    {
      ...{ name: "worker-cpu", ...service("worker-cpu", worker.cpus), queues: WORKER_QUEUES["worker-cpu"] },
      ...{ concurrency: worker.concurrency, concurrencyKey },
    },
    {
      ...{ name: "worker-gpu", ...service("worker-gpu", gpu.cpus), queues: WORKER_QUEUES["worker-gpu"] },
      ...{ concurrency: gpu.concurrency, concurrencyKey: "gpu.concurrency" },
    },
  ];
  return { workers, api: service("api", api.cpus), users };
}
