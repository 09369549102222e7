import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource.js";
import { HorizontalPodAutoscaler } from "@pulumi/kubernetes/autoscaling/v2/horizontalPodAutoscaler.js";
import { interpolate, output, type Input, type Output } from "@pulumi/pulumi";
import type { Database, ServiceSpec } from "../contract.ts";
import type { Keda } from "./keda.ts";
import { labels, options, type Place } from "./place.ts";
import { milliCpus } from "./pod.ts";
import type { Scale } from "./scale.ts";
import type { ClusterSettings } from "./settings.ts";

type Range = Extract<Scale, { readonly min: number }>;

export interface AutoscalingArgs {
  readonly spec: ServiceSpec;
  readonly range: Range;
  /** Name of its Deployment. */
  readonly target: Output<string>;
  readonly settings: ClusterSettings;
  readonly database: Database;
  /** Host by which KEDA's operator, in a namespace of its own, reaches Postgres. */
  readonly databaseHost: Input<string>;
  /** KEDA, where the stack brings it. @default it is there, and may read the service's Secret */
  readonly keda: Keda | undefined;
  /** Name of the service's Secret. */
  readonly secrets: Input<string>;
  readonly place: Place;
}

/** Hands the number of a service's pods over to an autoscaler. */
export function autoscaling(args: AutoscalingArgs): void {
  if (args.range.owner === "hpa") byCpu(args);
  else byJobs(args);
}

/** Seconds for which the highest wish of the last while counts before pods are taken away. */
const CALM_SECONDS = 300;

/** By CPU, aimed at a part of the limit: what is reserved may be any part of it and says nothing of the load. */
function byCpu({ spec, range, target, settings, place }: AutoscalingArgs): HorizontalPodAutoscaler {
  const averageValue = milliCpus((spec.limits.cpus * settings.cpuTargetPercent) / 100);
  return new HorizontalPodAutoscaler(
    spec.name,
    {
      metadata: { name: spec.name, namespace: place.namespace, labels: labels(spec.name) },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: target },
        minReplicas: range.min,
        maxReplicas: range.max,
        metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "AverageValue", averageValue } } }],
        behavior: { scaleDown: { stabilizationWindowSeconds: CALM_SECONDS } },
      },
    },
    options(place),
  );
}

/** Looks that have to fail until the fallback counts. */
const FAILURES = 3;

/** By what the job table has for the queues of the worker: to none where nothing is due or runs. */
function byJobs(args: AutoscalingArgs): void {
  const { spec, range, target, settings, place } = args;
  const metadata = { name: spec.name, namespace: place.namespace, labels: labels(spec.name) };
  new CustomResource(
    `${spec.name}-scale`,
    {
      apiVersion: "keda.sh/v1alpha1",
      kind: "ScaledObject",
      metadata,
      spec: {
        scaleTargetRef: { name: target },
        minReplicaCount: range.min,
        maxReplicaCount: range.max,
        pollingInterval: settings.keda.pollingSeconds,
        cooldownPeriod: settings.keda.cooldownSeconds,
        // Where KEDA cannot read the table, jobs go on: nobody who works is taken away, and there is one worker at least.
        fallback: {
          failureThreshold: FAILURES,
          replicas: Math.max(1, range.min),
          behavior: "currentReplicasIfHigher",
        },
        advanced: {
          horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds: CALM_SECONDS } } },
        },
        triggers: [{ ...jobTrigger(args), authenticationRef: databaseAccess(args) }],
      },
    },
    // KEDA has to know the kind first, and to be there last: it alone takes its mark from a ScaledObject that is to go.
    options(place, { dependsOn: [...(args.keda?.ready ?? [])] }),
  );
}

/** By what KEDA gets at the database: what the stack gave it, or the worker's own Secret, which any other KEDA is let to read. */
function databaseAccess({ spec, keda, secrets, place }: AutoscalingArgs) {
  if (keda !== undefined) return { name: keda.access, kind: "ClusterTriggerAuthentication" };
  const made = new CustomResource(
    `${spec.name}-trigger`,
    {
      apiVersion: "keda.sh/v1alpha1",
      kind: "TriggerAuthentication",
      metadata: { name: spec.name, namespace: place.namespace, labels: labels(spec.name) },
      spec: { secretTargetRef: [{ parameter: "password", name: secrets, key: "database-password" }] },
    },
    options(place),
  );
  return { name: made.metadata.name };
}

function jobTrigger({ spec, settings, database, databaseHost }: AutoscalingArgs) {
  return {
    type: "postgresql",
    metadata: {
      host: databaseHost,
      port: String(database.port),
      dbName: database.name,
      userName: database.app.user,
      sslmode: settings.keda.sslMode,
      query: output(setting(spec, "WORKER_QUEUES")).apply((queues) => jobQuery(queues.split(","))),
      // A worker for as many jobs as it works on at once.
      targetQueryValue: interpolate`${setting(spec, "WORKER_CONCURRENCY")}`,
    },
  };
}

function setting({ name, environment }: ServiceSpec, key: string): Input<string> {
  const value = environment[key];
  if (value === undefined)
    throw new Error(`${name} has no ${key}, by which KEDA scales it; describe it in infra/services.ts.`);
  return value;
}

/**
 * How many jobs of these queues are due or run; each part walks an index of unfinished jobs alone. Delayed ones do not count until
 * they are due. Schedules do: workers fire them, so one that is due has to bring a worker.
 *
 * @param queues names from configs/runtime.ts: letters alone, so they need no escape
 */
export function jobQuery(queues: readonly string[]): string {
  const own = `queue IN (${queues.map((queue) => `'${queue}'`).join(", ")})`;
  return [
    `SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'retrying') AND run_at <= now() AND ${own})`,
    `+ (SELECT count(*) FROM jobs WHERE state = 'active' AND ${own})`,
    `+ (SELECT count(*) FROM schedules WHERE NOT paused AND next_at <= now() AND ${own})`,
  ].join(" ");
}
