import { isHopeless } from "../pods.ts";
import { at, isObject, numberAt, objectsAt, textAt, type JsonObject } from "../wire.ts";
import { failed, READY, waiting, type Judgement, type Seen, type Wait } from "./judgement.ts";

/** As the official plugin: ten minutes for what rolls out. */
const ROLLOUT_SECONDS = 600;

/** A rollout is over when every replica is of the new kind, and all of them serve. */
export const DEPLOYMENT: Wait = { seconds: ROLLOUT_SECONDS, selector: labelsOf, judge: judgeDeployment };
export const STATEFUL_SET: Wait = { seconds: ROLLOUT_SECONDS, selector: labelsOf, judge: judgeStatefulSet };
export const DAEMON_SET: Wait = { seconds: ROLLOUT_SECONDS, selector: labelsOf, judge: judgeDaemonSet };

function judgeDeployment({ object, pods, seconds }: Seen): Judgement {
  if (!isObserved(object)) return waiting("the rollout to begin");
  const progressing = condition(object, "Progressing");
  // Before its own time is over it speaks of the rollout before, which the cluster gave up.
  const isOwn = seconds >= numberAt(object, "spec", "progressDeadlineSeconds");
  if (isOwn && progressing?.["reason"] === "ProgressDeadlineExceeded")
    return failed(textAt(progressing, "message") ?? "it made no progress in time");
  const failure = condition(object, "ReplicaFailure");
  if (failure?.["status"] === "True") return failed(textAt(failure, "message") ?? "its pods cannot be made");
  const hopeless = pods.find((pod) => isNewest(pod, pods) && isHopeless(pod));
  if (hopeless) return failed("its pods cannot start");
  const wanted = wantedReplicas(object);
  const [updated, all, available] = ["updatedReplicas", "replicas", "availableReplicas"].map((key) =>
    numberAt(object, "status", key),
  ) as [number, number, number];
  if (updated < wanted) return waiting(`${updated} of ${wanted} new pods to be made`);
  if (all > updated) return waiting(`${all - updated} old pods to end`);
  if (available < wanted) return waiting(`${available} of ${wanted} pods to be ready`);
  return READY;
}

/** Pods of the newest template alone: old ones may be broken, and on their way out. */
function isNewest(pod: JsonObject, pods: readonly JsonObject[]): boolean {
  const made = (one: JsonObject) => textAt(one, "metadata", "creationTimestamp") ?? "";
  return pods.every((other) => made(other) <= made(pod));
}

function judgeStatefulSet({ object }: Seen): Judgement {
  if (!isObserved(object)) return waiting("the rollout to begin");
  const wanted = wantedReplicas(object);
  const ready = numberAt(object, "status", "readyReplicas");
  const updated = numberAt(object, "status", "updatedReplicas");
  const isRolled = textAt(object, "status", "currentRevision") === textAt(object, "status", "updateRevision");
  if (ready < wanted) return waiting(`${ready} of ${wanted} pods to be ready`);
  if (!isRolled && textAt(object, "spec", "updateStrategy", "type") !== "OnDelete")
    return waiting(`${updated} of ${wanted} pods to be renewed`);
  return READY;
}

function judgeDaemonSet({ object }: Seen): Judgement {
  if (!isObserved(object)) return waiting("the rollout to begin");
  const wanted = numberAt(object, "status", "desiredNumberScheduled");
  const updated = numberAt(object, "status", "updatedNumberScheduled");
  const available = numberAt(object, "status", "numberAvailable");
  if (updated < wanted) return waiting(`${updated} of ${wanted} new pods to be made`);
  return available < wanted ? waiting(`${available} of ${wanted} pods to be ready`) : READY;
}

/** A Job is done when it is complete: what depends on it comes after. */
export const JOB: Wait = {
  seconds: ROLLOUT_SECONDS,
  selector: labelsOf,
  judge: ({ object, pods }) => {
    const failure = condition(object, "Failed");
    if (failure?.["status"] === "True")
      return failed(`it failed: ${textAt(failure, "message") ?? textAt(failure, "reason") ?? "no reason given"}`);
    if (pods.some(isHopeless)) return failed("its pod cannot start");
    if (at(object, ["spec", "suspend"]) === true) return READY;
    if (condition(object, "Complete")?.["status"] === "True") return READY;
    return waiting(`its end (${numberAt(object, "status", "active")} pods at work)`);
  },
};

export const POD: Wait = {
  seconds: 300,
  judge: ({ object }) => {
    const phase = textAt(object, "status", "phase");
    if (phase === "Succeeded") return READY;
    if (phase === "Failed" || isHopeless(object)) return failed("it cannot run");
    return condition(object, "Ready")?.["status"] === "True" ? READY : waiting("it to be ready");
  },
};

function labelsOf(object: JsonObject): Readonly<Record<string, string>> {
  const labels = at(object, ["spec", "selector", "matchLabels"]);
  if (!isObject(labels)) return {};
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** Whether its controller has seen what it says now. */
function isObserved(object: JsonObject): boolean {
  return numberAt(object, "status", "observedGeneration") >= numberAt(object, "metadata", "generation");
}

function wantedReplicas(object: JsonObject): number {
  return at(object, ["spec", "replicas"]) === undefined ? 1 : numberAt(object, "spec", "replicas");
}

function condition(object: JsonObject, type: string): JsonObject | undefined {
  return objectsAt(object, "status", "conditions").find((one) => one["type"] === type);
}
