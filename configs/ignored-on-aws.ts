/** What a stack on AWS says instead of keys that other platforms read, by the path of what has no effect there. */
const INSTEAD: Readonly<Record<string, string>> = {
  edge: "aws.data.edge",
  "api.replicas": "aws.overrides.api.replicas",
  "api.cpus": "aws.overrides.api.cpus",
  "api.memoryMiB": "aws.overrides.api.memoryMiB",
  "worker.replicas": "aws.overrides.worker.replicas",
  "worker.concurrency": "aws.overrides.worker.concurrency",
  "worker.cpus": "aws.overrides.worker.cpus",
  "worker.memoryMiB": "aws.overrides.worker.memoryMiB",
  postgres: "aws.overrides.database",
  redis: "aws.overrides.cache",
  "kubernetes.api.minReplicas": "aws.overrides.api.replicas",
  "kubernetes.api.maxReplicas": "aws.overrides.api.maxReplicas",
  "kubernetes.workers.maxReplicas": "aws.overrides.worker.maxReplicas",
  "kubernetes.gpuWorkers.maxReplicas": "aws.overrides.gpu.maxReplicas",
  "kubernetes.postgres.storageGiB": "aws.overrides.database.storageGiB",
  "kubernetes.postgres.maxConnections": "aws.overrides.database.maxConnections",
  "kubernetes.redis.storageGiB": "aws.overrides.cache",
  "kubernetes.objects.storageGiB": "aws.data.objects",
  "kubernetes.backups": "aws.data.backup",
};

/**
 * Keys that a stack on AWS sets in vain. Looked for in what stands in the file: once it is parsed, a default looks the same.
 *
 * @param input what `Pulumi.<stack>.yaml` says, not yet checked
 * @returns paths without `slipway:`, and what they must be
 */
export function ignoredOnAws(input: unknown): readonly (readonly [path: string, message: string])[] {
  if (valueAt(input, ["platform"]) !== "aws") return [];
  return Object.entries(INSTEAD)
    .filter(([path]) => valueAt(input, path.split(".")) !== undefined)
    .map(([path, instead]) => [
      path,
      `must be left out where platform is aws, which does not read it; the size has it, and ${instead} changes it`,
    ]);
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Readonly<Record<string, unknown>>)[key]
        : undefined,
    input,
  );
}
