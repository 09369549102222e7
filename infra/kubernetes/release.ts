import { all, interpolate, output, type Input, type Output, type ResourceHookBinding } from "@pulumi/pulumi";
import { CANARY, canaryOfCaller, isBlueGreen, type CanaryPlan } from "../plan/canary.ts";
import { WORKER_QUEUES } from "../worker-queues.ts";
import type { AskedService, Database, Done, Release, ServiceSpec } from "../contract.ts";
import { autoscaling } from "./autoscaling.ts";
import { blueGreen, endBlueGreen, rolledOutHook } from "./blue-green.ts";
import { canaryOfJobs } from "./canary-of-jobs.ts";
import { canaryOfRequests } from "./canary-of-requests.ts";
import { Canaries, canaryHook, type CanaryHookArgs } from "./canary.ts";
import type { Where } from "./cluster-client.ts";
import { deployment, hasTraffic, serviceAddress, serviceTemplate, type DeploymentArgs } from "./deployment.ts";
import { digest } from "./digest.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { ingress } from "./ingress.ts";
import type { Keda } from "./keda.ts";
import { PART_LABEL, PARTS, type Place } from "./place.ts";
import type { ClusterConfig } from "./settings.ts";
import type { LoadBalancerAccess } from "./surroundings.ts";
import { GREEN_LABELS } from "./traffic.ts";

export interface ReleaseArgs {
  readonly services: readonly Pick<DeploymentArgs, "spec" | "parts" | "scale" | "nodes">[];
  /** What sends the public's requests to a port of the nodes. @default the ingress, if any */
  readonly loadBalancer?: LoadBalancerAccess | undefined;
  readonly config: ClusterConfig;
  /** The way to a cluster that was there before. @default the stack brings it */
  readonly where?: Where | undefined;
  readonly database: Database;
  /** Host by which KEDA reaches Postgres. */
  readonly databaseHost: Input<string>;
  /** KEDA, where the stack brings it. */
  readonly keda: Keda | undefined;
  readonly after: readonly Done[];
  readonly place: Place;
}

/** One service that rolled out. */
interface Rolled {
  readonly name: string;
  readonly made: Done;
  /** Its name changes with everything that is in the pods. Known once they are ready. */
  readonly asked: Output<AskedService>;
  /** Present where others send it requests. */
  readonly url?: Output<string>;
}

/** Every service, each rolled out by the cluster itself: new pods beside the old, which go when these are ready. */
export function release(args: ReleaseArgs): Release {
  const rolled = rollAllOut(args);
  const [url] = rolled.flatMap((one) => one.url ?? []);
  if (url === undefined)
    throw new Error(`A release needs a service named api; it has: ${rolled.map(({ name }) => name).join(", ")}.`);
  const asked = all(Object.fromEntries(rolled.map((one) => [one.name, one.asked])));
  const serving = asked.apply((services) =>
    Object.fromEntries(Object.entries(services).map(([name, { release: running }]) => [name, running])),
  );
  return { url, serving, asked };
}

/** Where there is a canary, what it does not look at comes behind what it has seen to be good. */
function rollAllOut(args: ReleaseArgs): readonly Rolled[] {
  const plan = canaryOfCaller(process.env);
  const canaries = new Canaries();
  const judged = args.services.filter(({ spec }) => isJudged(spec));
  const others = args.services.filter(({ spec }) => !isJudged(spec));
  const first = judged.map((service) => rollOut(service, args, hooksOf(service.spec, { ...args, canaries, plan })));
  const after = plan === undefined ? args.after : [...args.after, ...first.map(({ made }) => made)];
  return [...first, ...others.map((service) => rollOut(service, { ...args, after }, undefined))];
}

function rollOut(
  { scale, ...service }: ReleaseArgs["services"][number],
  args: ReleaseArgs,
  hooks: ResourceHookBinding | undefined,
): Rolled {
  const { config, place } = args;
  const { spec, parts } = service;
  const traffic = args.loadBalancer ? ("load-balancer" as const) : ("cluster" as const);
  const shape = { ...service, gpu: config.kubernetes.gpu, traffic };
  const { healthTimeoutSeconds } = config;
  const made = deployment({ ...shape, scale, healthTimeoutSeconds, hooks, after: args.after, place });
  disruptionBudget(spec.name, place);
  if (scale.owner !== "stack")
    autoscaling({
      spec,
      range: scale,
      target: made.metadata.name,
      settings: config.kubernetes,
      database: args.database,
      databaseHost: args.databaseHost,
      keda: args.keda,
      secrets: parts.secrets ?? "",
      place,
    });
  const running = interpolate`${made.metadata.name}-${digest(serviceTemplate(shape))}`;
  const asked = all([running, parts.image]).apply(([name, image]) => ({
    ...{ image, release: name },
    ...(scale.owner === "stack" ? { replicas: scale.replicas } : {}),
  }));
  return { name: spec.name, made, asked, ...(hasTraffic(spec) ? { url: publish(spec, made, args) } : {}) };
}

/** What answers requests or takes jobs is. A worker with GPUs is not: its pod would wait for a GPU that nobody has made a node for. */
function isJudged(spec: ServiceSpec): boolean {
  return hasTraffic(spec) || (Object.hasOwn(WORKER_QUEUES, spec.name) && !spec.gpu);
}

interface CanaryOf extends Pick<ReleaseArgs, "where" | "config"> {
  readonly canaries: Canaries;
  readonly plan: CanaryPlan | undefined;
}

/** @throws Error where one is wanted and the program cannot reach the cluster by itself */
function hooksOf(spec: ServiceSpec, { where, config, canaries, plan }: CanaryOf): ResourceHookBinding | undefined {
  if (where === undefined) {
    if (plan === undefined) return undefined;
    throw new Error(`${CANARY} is set, and a stack that brings its own cluster has no canary: unset it.`);
  }
  const { healthTimeoutSeconds: readySeconds } = config;
  const how = plan && { plan, where, readySeconds, others: canaries, ...judging(spec, plan) };
  return {
    ...(how && { beforeUpdate: [canaryHook(spec.name, how)] }),
    // Always: what is left of a deploy that failed may have the requests still.
    ...(hasTraffic(spec) && { afterUpdate: [rolledOutHook(spec.name, where)] }),
  };
}

function judging(spec: ServiceSpec, plan: CanaryPlan): Pick<CanaryHookArgs, "labels" | "run" | "giveUp"> {
  if (!hasTraffic(spec)) return { run: canaryOfJobs };
  if (!isBlueGreen(plan)) return { run: canaryOfRequests };
  return { labels: GREEN_LABELS, run: blueGreen, giveUp: endBlueGreen };
}

/** Where requests come in: by the ingress, or within the cluster alone. */
function publish({ name, port }: ServiceSpec, behind: Done, { config, loadBalancer, place }: ReleaseArgs) {
  const isOf = { [PART_LABEL]: PARTS.own };
  const address = serviceAddress({ name, port, nodePort: loadBalancer?.nodePort, behind, labels: isOf, place });
  const { ingress: settings } = config.kubernetes;
  if (settings === undefined) return interpolate`http://${address.metadata.name}.${place.namespace}.svc:${port}`;
  const made = ingress({ settings, api: { name: address.metadata.name, port }, place });
  return all([output(settings.host), made.id]).apply(([host]) => `https://${host}`);
}
