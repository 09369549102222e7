import { setTimeout as sleep } from "node:timers/promises";
import {
  BatchV1Api,
  CoreV1Api,
  V1Job,
  V1ObjectMeta,
  V1OwnerReference,
  type KubeConfig,
  type V1CronJob,
  type V1Pod,
} from "@kubernetes/client-node";
import { UserError, whileElsewhere } from "../toolchain/command.ts";
import type { Lines } from "./exec.ts";

/** A CronJob whose pod is run now. */
export interface CronJobPlace {
  readonly config: KubeConfig;
  readonly namespace: string;
  /** Of the CronJob and of its pod's container. */
  readonly name: string;
}

const LOOK_MS = 1000;

/** Milliseconds until its container has to run: a node may have to be made for it first. */
const STARTS_WITHIN_MS = 900_000;

/**
 * Runs the program of a CronJob's pod now, with words of its own, and hands on what it says. Where this process is told to end, the job is deleted,
 * which tells the program.
 *
 * @returns its exit code
 * @throws UserError where it cannot be run
 */
export async function runNow(place: CronJobPlace, words: readonly string[], to: Lines): Promise<number> {
  const batch = place.config.makeApiClient(BatchV1Api);
  const core = place.config.makeApiClient(CoreV1Api);
  const job = await begin(batch, place, words);
  const remove = () => {
    const propagationPolicy = "Background";
    batch.deleteNamespacedJob({ name: job, namespace: place.namespace, propagationPolicy }).catch(() => undefined);
  };
  return whileElsewhere(() => follow({ batch, core, place, job }, new Said(to)), remove);
}

async function begin(batch: BatchV1Api, place: CronJobPlace, words: readonly string[]): Promise<string> {
  const { name, namespace } = place;
  try {
    const cronJob = await batch.readNamespacedCronJob({ name, namespace });
    const made = await batch.createNamespacedJob({ namespace, body: jobOf(cronJob, words) });
    return made.metadata?.name ?? name;
  } catch (error) {
    throw new UserError(
      `${namespace} runs no job of the CronJob ${name} now: ${reasonOf(error)} Is the stack up, of this release, and may you create jobs there?`,
    );
  }
}

/** The pod of its CronJob with other words for the program; it goes with the CronJob. */
export function jobOf({ metadata, spec }: V1CronJob, words: readonly string[]): V1Job {
  const [name, uid] = [metadata?.name ?? "", metadata?.uid ?? ""];
  const template = structuredClone(spec.jobTemplate);
  const [container] = template.spec?.template.spec?.containers ?? [];
  if (template.spec === undefined || container === undefined) throw new Error(`the CronJob ${name} has no container.`);
  // Node and the program's file.
  container.command = [...(container.command ?? []).slice(0, 2), ...words];
  const owner = Object.assign(new V1OwnerReference(), { apiVersion: "batch/v1", kind: "CronJob", name, uid });
  const own = { generateName: `${name}-now-`, labels: template.metadata?.labels ?? {}, ownerReferences: [owner] };
  return Object.assign(new V1Job(), {
    ...{ apiVersion: "batch/v1", kind: "Job", spec: template.spec },
    metadata: Object.assign(new V1ObjectMeta(), own),
  });
}

interface Followed {
  readonly batch: BatchV1Api;
  readonly core: CoreV1Api;
  readonly place: CronJobPlace;
  /** Its name. */
  readonly job: string;
}

async function follow({ batch, core, place, job }: Followed, said: Said): Promise<number> {
  const { name, namespace } = place;
  const deadline = performance.now() + STARTS_WITHIN_MS;
  for (;;) {
    const { items } = await core.listNamespacedPod({ namespace, labelSelector: `batch.kubernetes.io/job-name=${job}` });
    const [pod] = items;
    const state = stateOf(pod, name);
    const podName = pod?.metadata?.name;
    const hasBegun = state?.running !== undefined || state?.terminated !== undefined;
    if (podName !== undefined && hasBegun)
      said.take(await core.readNamespacedPodLog({ name: podName, namespace, container: name }));
    if (state?.terminated) return state.terminated.exitCode;
    if (state?.running === undefined) await refuseStuck(batch, { place, job }, pod, performance.now() > deadline);
    await sleep(LOOK_MS);
  }
}

function stateOf(pod: V1Pod | undefined, container: string) {
  return pod?.status?.containerStatuses?.find(({ name }) => name === container)?.state;
}

/** @throws UserError where the job is gone, has failed without its program, or its pod does not come to run */
async function refuseStuck(
  batch: BatchV1Api,
  { place: { namespace, name }, job }: Pick<Followed, "place" | "job">,
  pod: V1Pod | undefined,
  isLate: boolean,
): Promise<void> {
  const found = await batch.readNamespacedJob({ name: job, namespace }).catch(() => undefined);
  if (found === undefined) throw new UserError(`The job ${job} was deleted from ${namespace} before it had ended.`);
  const failed = found.status?.conditions?.find(({ type, status }) => type === "Failed" && status === "True");
  if (failed !== undefined)
    throw new UserError(`The job ${job} has failed without a word of its program: ${failed.message ?? "no reason"}`);
  if (!isLate) return;
  await batch.deleteNamespacedJob({ name: job, namespace, propagationPolicy: "Background" });
  const waiting = stateOf(pod, name)?.waiting?.reason ?? pod?.status?.conditions?.find(({ reason }) => reason)?.reason;
  throw new UserError(
    `The pod of the job ${job} did not start (${waiting ?? "there was none"}); the job is deleted. See: kubectl get events --namespace ${namespace}`,
  );
}

/** What a pod's log has so far, in which a program's two outputs are one: events are its answer, all else is its log. */
class Said {
  readonly #to: Lines;
  #taken = 0;

  constructor(to: Lines) {
    this.#to = to;
  }

  take(log: string): void {
    const whole = log.slice(0, log.lastIndexOf("\n") + 1).split("\n");
    const lines = whole.slice(this.#taken, -1);
    this.#taken += lines.length;
    for (const line of lines) (isEvent(line) ? this.#to.onLine : this.#to.onLogLine)(line);
  }
}

function isEvent(line: string): boolean {
  try {
    const said: unknown = JSON.parse(line);
    return typeof said === "object" && said !== null && "event" in said;
  } catch {
    return false;
  }
}

/** What the API server says; its client puts a whole page of headers around it. */
function reasonOf(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  return /"message":"((?:[^"\\]|\\.)*)"/.exec(said.replaceAll('\\"', '"'))?.[1] ?? said.split("\n")[0] ?? "";
}
