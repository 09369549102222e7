import { createHash } from "node:crypto";
import { stackSchema } from "../../configs/stack.ts";
import { concerns, type Environment } from "../../policies/environment.ts";
import { judge } from "../../policies/judge.ts";
import type { Exception, Violation } from "../../policies/rule.ts";
import { RULES } from "../../policies/rules.ts";
import { recordStack } from "./docker-stack.ts";
import { clusterStack, recordCluster } from "./kubernetes.ts";
import { ownFiles, prodStack, recordProd } from "./prod-stack.ts";
import type { RecordedResource } from "./recorder.ts";

/** A stack as it is shipped, and what decides which rules hold of it. */
export interface Judged {
  readonly resources: readonly RecordedResource[];
  readonly environment: Environment;
}

const DEV: Environment = { isProd: false, isTeardown: false };
export const PROD: Environment = { isProd: true, isTeardown: false };

/** The shipped stacks, each with a GPU where it can have one. */
export async function shippedStacks(): Promise<Readonly<Record<"dev" | "cluster" | "prod", Judged>>> {
  const files = ownFiles();
  try {
    const dev = await recordStack(stackSchema.parse({ platform: "docker", environment: "dev" }), { hasGpu: true });
    const cluster = await recordCluster(clusterStack({}, { gpu: { mode: "on" } }), { hasGpu: true });
    const prod = await recordProd(prodStack(files, { pools: { gpu: [{ shape: "l4", max: 2 }] } }));
    return {
      dev: { resources: dev.resources.map(withIds), environment: DEV },
      cluster: { resources: cluster.resources, environment: DEV },
      prod: { resources: prod.resources, environment: PROD },
    };
  } finally {
    files.remove();
  }
}

/** Images by ids as an engine gives them: those that the mocks make up are shorter. */
function withIds(resource: RecordedResource): RecordedResource {
  const { image } = resource.inputs;
  if (typeof image !== "string") return resource;
  const id = createHash("sha256").update(image).digest("hex");
  return { ...resource, inputs: { ...resource.inputs, image: `sha256:${id}` } };
}

export type ShippedStacks = Awaited<ReturnType<typeof shippedStacks>>;

/** Everything that does not hold of a stack's resources, as the pack would say it. */
export function violations(
  resources: readonly RecordedResource[],
  environment: Environment,
  exceptions: readonly Exception[],
): Violation[] {
  return RULES.filter((rule) => concerns(rule, environment)).flatMap((rule) =>
    [rule.checks, rule.beside].flatMap((checks) =>
      checks === undefined ? [] : resources.flatMap((resource) => judge(rule, checks, resource, resources, exceptions)),
    ),
  );
}
