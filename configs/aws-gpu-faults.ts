import type { AwsSettings } from "./aws-settings.ts";
import type { KubernetesSettings } from "./kubernetes-settings.ts";

/** Where in a stack's file, by the path without `slipway:`, and what must be there. */
type Fault = readonly [path: string, message: string];

type Pool = AwsSettings["pools"]["gpu"][number];

/**
 * What keys say against each other of how GPUs are shared on AWS: a pool says it, and everything else follows.
 *
 * @param gpu of `slipway:kubernetes`
 */
export function awsGpuFaults(
  { pools }: Pick<AwsSettings, "pools">,
  gpu: Partial<KubernetesSettings["gpu"]> = {},
): readonly Fault[] {
  const faults = pools.gpu.flatMap((pool, index) => [
    ...unlikeFaults(pools.gpu, index),
    ...(pool.sharing.mode === "mig" && gpu.daemons !== false ? [dividedByNobody(index)] : []),
  ]);
  if (gpu.sharing !== undefined)
    faults.push([
      "kubernetes.gpu.sharing",
      "must be left out where platform is aws: aws.pools.gpu says it of each pool",
    ]);
  return faults;
}

/** Workers go to any pool of their shape, and are rolled out in one way. */
function unlikeFaults(pools: readonly Pool[], index: number): Fault[] {
  const shape = pools[index]?.shape;
  const first = pools.findIndex((pool) => pool.shape === shape);
  if (JSON.stringify(pools[first]?.sharing) === JSON.stringify(pools[index]?.sharing)) return [];
  const why = `GPU workers on ${shape ?? ""} run on either`;
  return [
    [`aws.pools.gpu.${index}.sharing`, `must be that of aws.pools.gpu.${first}, which has the same shape: ${why}`],
  ];
}

function dividedByNobody(index: number): Fault {
  return [
    `aws.pools.gpu.${index}.sharing.mode`,
    "must be none or time-slicing, or kubernetes.gpu.daemons must be false: GPUs are divided by the MIG manager of NVIDIA's GPU operator, " +
      "which brings a device plugin too; this stack brings no MIG manager",
  ];
}
