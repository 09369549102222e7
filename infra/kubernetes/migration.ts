import { Job } from "@pulumi/kubernetes/batch/v1/job.js";
import { interpolate } from "@pulumi/pulumi";
import type { Done } from "../contract.ts";
import { digest } from "./digest.ts";
import { labels, options, type Place } from "./place.ts";
import { programPod, type ProgramPodArgs } from "./program-pod.ts";

export interface MigrationArgs extends ProgramPodArgs {
  /** What has to serve before it runs. */
  readonly after: readonly Done[];
  readonly place: Place;
}

/** Seconds that it may take in all. A table that takes longer is migrated in steps. */
const DEADLINE_SECONDS = 3600;

/**
 * A program that runs once, and has to end with 0 before anything after it is made. Its name follows from all that is in its pod: the
 * same release never runs twice, another one always does. It is tried once: what a failed one left is for people to see.
 */
export function runOnce({ spec, parts, nodes, after, place }: MigrationArgs): Done {
  const template = programPod({ spec, parts, nodes });
  return new Job(
    spec.name,
    {
      metadata: {
        name: interpolate`${spec.name}-${digest(template)}`,
        namespace: place.namespace,
        labels: labels(spec.name),
        // One that failed is made anew by the next `up`.
        annotations: { "pulumi.com/replaceUnready": "true" },
      },
      spec: { backoffLimit: 0, activeDeadlineSeconds: DEADLINE_SECONDS, template },
    },
    options(place, { dependsOn: [...after] }),
  );
}
