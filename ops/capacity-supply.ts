import { wantsGpu } from "../configs/stack-faults.ts";
import type { StackConfig } from "../configs/stack.ts";
import { awsClusterConfig } from "../infra/aws/cluster-config.ts";
import { awsOf, awsSize } from "../infra/aws/plans.ts";
import { dockerConnectionUsers, MAX_CONNECTIONS } from "../infra/docker/connections.ts";
import { clusterConnectionUsers } from "../infra/kubernetes/scale.ts";
import { kubernetesOf, scaling } from "../infra/kubernetes/settings.ts";
import type { ServiceSupply, Supply, WorkerSupply } from "../infra/plan/capacity.ts";
import type { ConnectionUser } from "../infra/plan/connection-budget.ts";
import { gpuShape } from "../infra/plan/gpu-shapes.ts";
import { gpuPlaces } from "../infra/plan/node-pools.ts";
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
  const { database, ...size } = awsSize(stack, settings);
  const resolved = awsClusterConfig(stack, config, { ...size, database });
  const keys = { concurrencyKey: "aws.overrides.worker.concurrency" };
  const places = settings.pools.gpu.map((pool) => ({ pool, perNode: gpuPlaces(pool, gpuShape(pool.shape)) }));
  return {
    ...ofFile(resolved, clusterConnectionUsers(resolved, wantsGpu(config)), keys),
    maxConnections: database.maxConnections,
    maxConnectionsKey: "aws.overrides.database.maxConnections",
    database: { cpus: database.vcpus * database.baseline, key: "aws.overrides.database.vcpus" },
    gpu: {
      places: places.reduce((sum, { pool, perNode }) => sum + pool.max * perNode, 0),
      placesPerNode: Math.max(1, ...places.map(({ perNode }) => perNode)),
      key: "aws.pools.gpu[0].max",
    },
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
