import type { GpuShapeName } from "../infra/plan/gpu-shapes.ts";
import { awsGpuFaults } from "./aws-gpu-faults.ts";
import { awsFaults, type AwsSettings } from "./aws-settings.ts";
import { kedaFaults } from "./keda-faults.ts";
import { backupsInCluster } from "./stack-backup.ts";
import type { StackFields } from "./stack-fields.ts";
import { releaseFaults } from "./stack-release.ts";

/** What keys of a stack's file say against each other: where, by the path without `slipway:`, and what it must be. */
export type Fault = readonly [path: string, message: string];

/** Everything that does not go together, for the platform that the file names. */
export function crossFaults(stack: StackFields): readonly Fault[] {
  return [...PLATFORM_FAULTS[stack.platform](stack), ...releaseFaults(stack)];
}

const PLATFORM_FAULTS: Readonly<Record<StackFields["platform"], (stack: StackFields) => readonly Fault[]>> = {
  docker: dockerFaults,
  kubernetes: kubernetesFaults,
  aws: awsStackFaults,
};

function dockerFaults({ kubernetes, aws, backup, speech }: StackFields): readonly Fault[] {
  const why = "where platform is docker";
  return [
    ...leftOut("kubernetes", kubernetes, why),
    ...leftOut("aws", aws, why),
    ...leftOut("backup.offsite.s3.cidrs", backup?.offsite?.s3?.cidrs, why),
    ...(speech.engine === "kokoro" && speech.modelFolder === undefined
      ? ([["speech.modelFolder", "must name the folder of the model where engine is kokoro"]] as const)
      : []),
  ];
}

/** Disks of a Postgres that is the stack's own, and what looks after them. */
function ofOwnPostgres({ backup, data }: StackFields, why: string): readonly Fault[] {
  return [...leftOut("backup", backup, why), ...leftOut("data", data, why)];
}

function clusterBackupFaults(stack: StackFields): readonly Fault[] {
  if (stack.kubernetes?.postgres.external !== undefined)
    return ofOwnPostgres(stack, "where kubernetes.postgres.external is set, whose own backups are the ones");
  const { folder } = stack.backup?.offsite ?? {};
  return leftOut("backup.offsite.folder", folder, "where platform is kubernetes: pods may not mount a node's folder");
}

function kubernetesFaults(stack: StackFields): readonly Fault[] {
  const { kubernetes, aws } = stack;
  const faults = [...leftOut("aws", aws, "where platform is kubernetes"), ...clusterBackupFaults(stack)];
  if (kubernetes === undefined)
    return [...faults, ["kubernetes", "must say which images run, where platform is kubernetes"]];
  const shape = leftOut(
    "kubernetes.gpu.shape",
    kubernetes.gpu.shape,
    "where platform is kubernetes: nodeSelector says it",
  );
  const scaler = leftOut(
    "kubernetes.images.autoscaler",
    kubernetes.images.autoscaler,
    "where platform is kubernetes: who runs the cluster makes its nodes",
  );
  return [
    ...faults,
    ...shape,
    ...scaler,
    ...podFaults(stack),
    ...(kubernetes.importedImages ? [] : imageFaults(kubernetes, backupsInCluster(stack) !== undefined)),
  ];
}

function imageFaults(
  { images, ...kubernetes }: NonNullable<StackFields["kubernetes"]>,
  isBackedUp: boolean,
): readonly Fault[] {
  const programs = (["api", "worker"] as const)
    .filter((key) => images[key] === undefined)
    .map((key): Fault => [
      `kubernetes.images.${key}`,
      `must name the image of ${key} in a registry, or importedImages must be true`,
    ]);
  const data = (["postgres", "redis"] as const)
    .filter((key) => images[key] === undefined && kubernetes[key].external === undefined)
    .map((key): Fault => [`kubernetes.images.${key}`, `must name the image of ${key}, or ${key}.external where it is`]);
  const agent: Fault[] =
    isBackedUp && images.backup === undefined
      ? [["kubernetes.images.backup", "must name the image of the backup agent, or backup.enabled must be false"]]
      : [];
  return [...programs, ...data, ...agent];
}

/** The cluster, its data services and its load balancer are the stack's own: what says where others are has no place. */
const OWN_ON_AWS = ["kubeconfig", "context", "ingress", "storageClass"] as const;

function awsStackFaults(stack: StackFields): readonly Fault[] {
  const { aws, kubernetes, gpu, environment } = stack;
  const faults = ofOwnPostgres(stack, "where platform is aws");
  if (aws === undefined) return [...faults, ["aws", "must say region, account and network, where platform is aws"]];
  const why = "where platform is aws: the stack makes its own";
  return [
    ...faults,
    ...awsFaults(aws, environment).map(([path, message]): Fault => [`aws.${path}`, message]),
    ...OWN_ON_AWS.flatMap((key) => leftOut(`kubernetes.${key}`, kubernetes?.[key], why)),
    ...leftOut("kubernetes.objects.url", kubernetes?.objects.url, why),
    ...leftOut("kubernetes.gpu.nodeSelector", kubernetes?.gpu.nodeSelector, `${why}; gpu.shape picks among them`),
    ...(["postgres", "redis"] as const).flatMap((key) =>
      leftOut(`kubernetes.${key}.external`, kubernetes?.[key].external, why),
    ),
    ...(["postgres", "redis", "backup"] as const).flatMap((key) =>
      leftOut(`kubernetes.images.${key}`, kubernetes?.images[key], why),
    ),
    ...(gpu.mode === "on" && aws.pools.gpu.length === 0
      ? ([["aws.pools.gpu", "must have a pool where gpu.mode is on"]] as const)
      : []),
    ...(wantsGpu(stack) ? shapeFaults(aws.pools, kubernetes?.gpu.shape) : []),
    ...awsGpuFaults(aws, kubernetes?.gpu),
    ...podFaults(stack),
  ];
}

/** Left to itself a worker would go to any shape that has a GPU to spare, the dearest included. */
function shapeFaults({ gpu }: AwsSettings["pools"], chosen: GpuShapeName | undefined): readonly Fault[] {
  const shapes = [...new Set(gpu.map(({ shape }) => shape))];
  if (chosen === undefined ? shapes.length <= 1 : shapes.includes(chosen)) return [];
  // Without any pool that is a fault of its own.
  if (shapes.length === 0) return [];
  return [["kubernetes.gpu.shape", `must be a shape of aws.pools.gpu: ${shapes.join(" or ")}`]];
}

/** Whether GPU workers belong to a stack in a cluster; nobody is asked what the cluster has. */
export function wantsGpu({ platform, gpu, aws }: Pick<StackFields, "platform" | "gpu" | "aws">): boolean {
  if (gpu.mode !== "auto") return gpu.mode === "on";
  return platform === "aws" && aws !== undefined && aws.pools.gpu.length > 0;
}

/** What holds wherever there are pods. */
function podFaults(stack: StackFields): readonly Fault[] {
  const { kubernetes, speech } = stack;
  const faults: Fault[] = [...kedaFaults(stack)];
  if (speech.modelFolder !== undefined)
    faults.push([
      "speech.modelFolder",
      "must be left out: pods may not mount a node's folder; set kubernetes.modelClaim",
    ]);
  if (speech.engine === "kokoro" && kubernetes?.modelClaim === undefined)
    faults.push(["kubernetes.modelClaim", "must name the claim with the model where engine is kokoro"]);
  if (!wantsGpu(stack) || kubernetes?.gpu.daemons === false) return faults;
  for (const key of ["devicePlugin", "dcgmExporter"] as const)
    if (kubernetes?.images[key] === undefined)
      faults.push([
        `kubernetes.images.${key}`,
        "must name NVIDIA's image where there are GPUs and kubernetes.gpu.daemons is true",
      ]);
  return faults;
}

function leftOut(path: string, value: unknown, why: string): readonly Fault[] {
  return value === undefined ? [] : [[path, `must be left out ${why}`]];
}
