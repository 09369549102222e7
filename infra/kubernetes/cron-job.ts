import { CronJob } from "@pulumi/kubernetes/batch/v1/cronJob.js";
import type { Done } from "../contract.ts";
import { labels, options, type Place } from "./place.ts";
import { programPod, type ProgramPodArgs } from "./program-pod.ts";

/** When a program runs, again and again. */
export interface CronSchedule {
  /** Five fields, as cron has them: `"30 2 * * *"`, or `@daily` and its like. The API server refuses what is none, at preview. */
  readonly cron: string;
  /** Time zone of `cron`, by its IANA name. Where clocks change, an hour may come twice or not at all. @default "Etc/UTC" */
  readonly timeZone?: string;
  /** Seconds that one run may take in all; then it is ended and has failed. At least 1, and fewer than lie between two runs. */
  readonly deadlineSeconds: number;
  /** Seconds after its end until a run goes with its pod, and with what is that pod's own. @default the last runs stay */
  readonly goneAfterSeconds?: number;
  /** Seconds by which a run may begin late, after a time in which nothing could start; later it is left out. At least 10. @default 600 */
  readonly lateSeconds?: number;
}

export interface CronJobArgs extends ProgramPodArgs {
  readonly schedule: CronSchedule;
  /** What has to be there before the first run. */
  readonly after: readonly Done[];
  readonly place: Place;
}

/** The controller looks every 10 s: what may be late by less may never run. */
const LEAST_LATE_SECONDS = 10;

/** The controller adds 11 characters for a run's name, which may have 63. */
const LONGEST_NAME = 52;

/** Runs of each outcome that stay with their logs. */
const HISTORY = 3;

/**
 * A program that runs at set times, from the same pod as one that runs once. A run that still goes on keeps the next from beginning; one
 * that fails is not tried again before its next time.
 *
 * @throws Error where name or numbers cannot be kept
 */
export function cronJob({ spec, parts, nodes, schedule, after, place }: CronJobArgs): CronJob {
  const { cron, timeZone = "Etc/UTC", deadlineSeconds, lateSeconds = 600, goneAfterSeconds } = schedule;
  check(spec.name, deadlineSeconds, lateSeconds);
  return new CronJob(
    spec.name,
    {
      metadata: { name: spec.name, namespace: place.namespace, labels: labels(spec.name) },
      spec: {
        schedule: cron,
        timeZone,
        concurrencyPolicy: "Forbid",
        startingDeadlineSeconds: lateSeconds,
        successfulJobsHistoryLimit: HISTORY,
        failedJobsHistoryLimit: HISTORY,
        jobTemplate: {
          metadata: { labels: labels(spec.name) },
          spec: {
            backoffLimit: 0,
            activeDeadlineSeconds: deadlineSeconds,
            ...(goneAfterSeconds === undefined ? {} : { ttlSecondsAfterFinished: goneAfterSeconds }),
            template: programPod({ spec, parts, nodes }),
          },
        },
      },
    },
    options(place, { dependsOn: [...after] }),
  );
}

function check(name: string, deadlineSeconds: number, lateSeconds: number): void {
  const faults = [
    ...(name.length > LONGEST_NAME ? [`its name has ${name.length} characters, must be at most ${LONGEST_NAME}`] : []),
    ...(isWhole(deadlineSeconds, 1)
      ? []
      : [`deadlineSeconds is ${deadlineSeconds}, must be a whole number of at least 1`]),
    ...(isWhole(lateSeconds, LEAST_LATE_SECONDS)
      ? []
      : [`lateSeconds is ${lateSeconds}, must be a whole number of at least ${LEAST_LATE_SECONDS}`]),
  ];
  if (faults.length > 0) throw new Error(`CronJob ${name}: ${faults.join("; ")}. Correct it where it is described.`);
}

function isWhole(value: number, min: number): boolean {
  return Number.isInteger(value) && value >= min;
}
