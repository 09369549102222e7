import type { StepMetadata } from "./engine-events.ts";
import { valueAt } from "./property-paths.ts";

/** A property that somebody else than the stack's file decides, once it is up. */
interface Autoscaled {
  readonly type: RegExp;
  readonly path: string;
  readonly by: string;
  /** Whether it is theirs even where the program writes it; else only where it leaves it out. */
  readonly always: boolean;
}

/** What is no drift: autoscalers do this all day. */
const AUTOSCALED: readonly Autoscaled[] = [
  {
    type: /^kubernetes:apps\/v1:(Deployment|StatefulSet)$/,
    path: "spec.replicas",
    by: "an HPA or KEDA",
    // With `kubernetes.autoscaler: none` the file says how many, and another number is drift.
    always: false,
  },
  {
    type: /^kubernetes:keda\.sh\/v1alpha1:ScaledObject$/,
    path: 'metadata.labels["scaledobject.keda.sh/name"]',
    by: "KEDA",
    always: false,
  },
  {
    type: /^aws:eks\/nodeGroup:NodeGroup$/,
    path: "scalingConfig.desiredSize",
    by: "the cluster autoscaler",
    always: true,
  },
  { type: /^aws:rds\/instance:Instance$/, path: "allocatedStorage", by: "RDS, which adds storage", always: true },
];

/** Who decides a property of a resource; `undefined` where the stack's file does. */
export function autoscalerOf({ type, old }: Pick<StepMetadata, "type" | "old">, path: string): string | undefined {
  const row = AUTOSCALED.find((one) => one.path === path && one.type.test(type));
  if (row === undefined) return undefined;
  return row.always || valueAt(old?.inputs, path) === undefined ? row.by : undefined;
}
