import type { Client } from "./client.ts";
import { at, numberAt, objectsAt, textAt, type JsonObject } from "./wire.ts";

/** Lines of a container's log that a reason is told with. */
const LOG_LINES = 10;

/** Reasons of a waiting container that go away by themselves. */
const PASSING = new Set(["ContainerCreating", "PodInitializing"]);

/** A container that does not run as it should. */
export interface Trouble {
  readonly container: string;
  readonly reason: string;
  /** Whether its log says more, and of which run: this one or the one before. */
  readonly log: "none" | "current" | "previous";
}

/** Why a pod does not run, as far as its status says. Pure. */
export function podTroubles(pod: JsonObject): Trouble[] {
  const unscheduled = objectsAt(pod, "status", "conditions").find(
    ({ type, status }) => type === "PodScheduled" && status === "False",
  );
  if (unscheduled)
    return [
      {
        container: "",
        reason: `cannot be placed: ${textAt(unscheduled, "message") ?? "no reason given"}`,
        log: "none",
      },
    ];
  const containers = [
    ...objectsAt(pod, "status", "initContainerStatuses"),
    ...objectsAt(pod, "status", "containerStatuses"),
  ];
  return containers.flatMap((status) => containerTrouble(status));
}

function containerTrouble(status: JsonObject): Trouble[] {
  const container = textAt(status, "name") ?? "";
  const waiting = textAt(status, "state", "waiting", "reason");
  if (waiting !== undefined && !PASSING.has(waiting)) {
    const message = textAt(status, "state", "waiting", "message");
    const ended = endOf(status, "lastState");
    const reason = [waiting, message, ended].filter((part) => part !== undefined).join(": ");
    return [{ container, reason, log: waiting === "CrashLoopBackOff" ? "previous" : "none" }];
  }
  const ended = endOf(status, "state");
  if (ended !== undefined && numberAt(status, "state", "terminated", "exitCode") !== 0)
    return [{ container, reason: ended, log: "current" }];
  const runs = at(status, ["state", "running"]) !== undefined;
  if (runs && status["ready"] === false) {
    const restarts = numberAt(status, "restartCount");
    const again =
      restarts > 0
        ? `, and was started again ${restarts} times (${endOf(status, "lastState") ?? "no reason given"})`
        : "";
    return [{ container, reason: `runs and is not ready${again}`, log: "current" }];
  }
  return [];
}

/** How a container ended, if it did. */
function endOf(status: JsonObject, state: "state" | "lastState"): string | undefined {
  const terminated = at(status, [state, "terminated"]);
  if (terminated === undefined) return undefined;
  const reason = textAt(terminated, "reason") ?? "ended";
  return `${reason} with exit code ${numberAt(terminated, "exitCode")}`;
}

/** Reasons that no waiting takes away. Others may pass: a kubelet that is late with a ConfigMap says CreateContainerConfigError. */
const HOPELESS = new Set(["InvalidImageName", "ErrImageNeverPull"]);

/** Whether nothing but a change of the program helps. */
export function isHopeless(pod: JsonObject): boolean {
  return objectsAt(pod, "status", "containerStatuses").some((status) =>
    HOPELESS.has(textAt(status, "state", "waiting", "reason") ?? ""),
  );
}

/**
 * Why pods do not run, a line or more each, with the end of the log where it says more.
 *
 * @param most pods that are told of; the others tend to have the same reason
 */
export async function explainPods(
  client: Client,
  namespace: string,
  pods: readonly JsonObject[],
  most = 2,
): Promise<string[]> {
  const troubled = pods.filter((pod) => podTroubles(pod).length > 0);
  const told = troubled
    .slice(0, most)
    .flatMap((pod) => podTroubles(pod).map((trouble) => explain(client, namespace, pod, trouble)));
  return Promise.all(told);
}

async function explain(
  client: Client,
  namespace: string,
  pod: JsonObject,
  { container, reason, log }: Trouble,
): Promise<string> {
  const name = textAt(pod, "metadata", "name") ?? "";
  const line = `pod ${name}${container === "" ? "" : `, container ${container}`}: ${reason}`;
  if (log === "none") return line;
  const text = await client.logs(namespace, name, container, LOG_LINES, log === "previous").catch(() => "");
  const lines = text
    .trimEnd()
    .split("\n")
    .filter((one) => one !== "");
  return lines.length === 0 ? line : `${line}; the end of its log:\n${lines.map((one) => `      ${one}`).join("\n")}`;
}
