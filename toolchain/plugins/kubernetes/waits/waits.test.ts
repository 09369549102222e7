import { describe, expect, it } from "vitest";
import { podTroubles } from "../pods.ts";
import type { JsonObject } from "../wire.ts";
import { waitOf } from "./table.ts";

/** What an object of a kind is judged as: ready, or what is waited for, or why it failed. */
function judged(kind: string, object: JsonObject, pods: readonly JsonObject[] = [], seconds = 0): string {
  const [apiVersion = "", name = ""] = kind.split(" ");
  const judgement = waitOf({ apiVersion, kind: name })?.judge({ object, pods, seconds });
  if (!judgement) return "nothing to wait for";
  return judgement.is === "ready"
    ? "ready"
    : judgement.is === "waiting"
      ? `waiting for ${judgement.for}`
      : `failed: ${judgement.reason}`;
}

const seen = { metadata: { generation: 2 } };
const broken = (reason: string) => ({
  metadata: { creationTimestamp: "2" },
  status: { containerStatuses: [{ name: "main", state: { waiting: { reason } } }] },
});

describe("a Deployment", () => {
  const status = (more: JsonObject) => ({ ...seen, spec: { replicas: 2 }, status: { observedGeneration: 2, ...more } });
  it.each<[string, JsonObject, string]>([
    [
      "not looked at yet",
      { ...seen, status: { observedGeneration: 1, updatedReplicas: 1 } },
      "waiting for the rollout to begin",
    ],
    ["begun", status({ updatedReplicas: 1 }), "waiting for 1 of 2 new pods to be made"],
    [
      "with old pods",
      status({ updatedReplicas: 2, replicas: 3, availableReplicas: 3 }),
      "waiting for 1 old pods to end",
    ],
    [
      "starting",
      status({ updatedReplicas: 2, replicas: 2, availableReplicas: 1 }),
      "waiting for 1 of 2 pods to be ready",
    ],
    ["rolled out", status({ updatedReplicas: 2, replicas: 2, availableReplicas: 2 }), "ready"],
    ["scaled to nothing", { ...seen, spec: { replicas: 0 }, status: { observedGeneration: 2 } }, "ready"],
    [
      "out of time",
      status({
        conditions: [
          { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "timed out" },
        ],
      }),
      "failed: timed out",
    ],
    [
      "that may make no pods",
      status({ conditions: [{ type: "ReplicaFailure", status: "True", message: "quota" }] }),
      "failed: quota",
    ],
  ])("%s", (_, object, expected) => {
    expect(judged("apps/v1 Deployment", object)).toBe(expected);
  });

  it("whose rollout before was given up is waited for as long as its own may take", () => {
    const conditions = [
      { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "timed out" },
    ];
    const object = { ...status({ conditions }), spec: { replicas: 2, progressDeadlineSeconds: 90 } };
    expect(judged("apps/v1 Deployment", object, [], 3)).toBe("waiting for 0 of 2 new pods to be made");
    expect(judged("apps/v1 Deployment", object, [], 90)).toBe("failed: timed out");
  });

  it("fails at once where its newest pods can never start, and not for old ones", () => {
    const object = status({ updatedReplicas: 1 });
    expect(judged("apps/v1 Deployment", object, [broken("ErrImageNeverPull")])).toBe("failed: its pods cannot start");
    const newer = { metadata: { creationTimestamp: "3" } };
    expect(judged("apps/v1 Deployment", object, [broken("ErrImageNeverPull"), newer])).toMatch(/^waiting/);
    expect(judged("apps/v1 Deployment", object, [broken("ImagePullBackOff")])).toMatch(/^waiting/);
  });
});

it.each<[string, JsonObject, string]>([
  ["apps/v1 StatefulSet", { ...seen, status: { observedGeneration: 2 } }, "waiting for 0 of 1 pods to be ready"],
  [
    "apps/v1 StatefulSet",
    { ...seen, status: { observedGeneration: 2, readyReplicas: 1, currentRevision: "a", updateRevision: "b" } },
    "waiting for 0 of 1 pods to be renewed",
  ],
  [
    "apps/v1 StatefulSet",
    { ...seen, status: { observedGeneration: 2, readyReplicas: 1, currentRevision: "b", updateRevision: "b" } },
    "ready",
  ],
  [
    "apps/v1 DaemonSet",
    {
      ...seen,
      status: { observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1 },
    },
    "waiting for 1 of 2 pods to be ready",
  ],
  ["apps/v1 DaemonSet", { ...seen, status: { observedGeneration: 2 } }, "ready"],
  ["batch/v1 Job", { status: { active: 1 } }, "waiting for its end (1 pods at work)"],
  ["batch/v1 Job", { status: { conditions: [{ type: "Complete", status: "True" }] } }, "ready"],
  [
    "batch/v1 Job",
    { status: { conditions: [{ type: "Failed", status: "True", message: "too often" }] } },
    "failed: it failed: too often",
  ],
  ["v1 Pod", { status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } }, "ready"],
  ["v1 Pod", { status: { phase: "Running" } }, "waiting for it to be ready"],
  ["v1 Pod", { status: { phase: "Succeeded" } }, "ready"],
  ["v1 Pod", { status: { phase: "Failed" } }, "failed: it cannot run"],
  ["v1 Service", { spec: { selector: { a: "b" } } }, "waiting for a pod that serves it"],
  ["v1 Service", { spec: { clusterIP: "None", selector: { a: "b" } } }, "ready"],
  ["v1 Service", { spec: { type: "ExternalName", selector: { a: "b" } } }, "ready"],
  ["v1 Service", { spec: { type: "LoadBalancer" } }, "waiting for the address of its load balancer"],
  ["v1 PersistentVolumeClaim", { status: { phase: "Pending" } }, "waiting for a volume"],
  ["v1 PersistentVolumeClaim", { status: { phase: "Lost" } }, "failed: its volume is lost"],
  ["v1 Namespace", {}, "waiting for its default account"],
  ["v1 ConfigMap", {}, "nothing to wait for"],
])("%s %j is %s", (kind, object, expected) => {
  expect(judged(kind, object)).toBe(expected);
});

it("a Service is ready with a pod that serves, a claim where its class waits for a pod", () => {
  const slice = (ready: boolean) => ({ endpoints: [{ conditions: { ready } }] });
  expect(judged("v1 Service", { spec: { selector: { a: "b" } } }, [slice(false)])).toMatch(/^waiting/);
  expect(judged("v1 Service", { spec: { selector: { a: "b" } } }, [slice(false), slice(true)])).toBe("ready");
  expect(judged("v1 PersistentVolumeClaim", {}, [{ volumeBindingMode: "WaitForFirstConsumer" }])).toBe("ready");
});

describe("why a pod does not run", () => {
  const pod = (status: JsonObject) => podTroubles({ status: { containerStatuses: [{ name: "main", ...status }] } });
  it.each<[JsonObject, string, string]>([
    [
      { state: { waiting: { reason: "ImagePullBackOff", message: "no such image" } } },
      "ImagePullBackOff: no such image",
      "none",
    ],
    [
      {
        state: { waiting: { reason: "CrashLoopBackOff" } },
        lastState: { terminated: { reason: "OOMKilled", exitCode: 137 } },
      },
      "CrashLoopBackOff: OOMKilled with exit code 137",
      "previous",
    ],
    [{ state: { terminated: { reason: "Error", exitCode: 3 } } }, "Error with exit code 3", "current"],
    [{ state: { running: {} }, ready: false }, "runs and is not ready", "current"],
  ])("%j", (status, reason, log) => {
    expect(pod(status)).toEqual([{ container: "main", reason, log }]);
  });

  it("is nothing where it starts or runs", () => {
    expect([
      pod({ state: { waiting: { reason: "ContainerCreating" } } }),
      pod({ state: { running: {} }, ready: true }),
      pod({ state: { terminated: { exitCode: 0 } } }),
    ]).toEqual([[], [], []]);
  });

  it("is the scheduler's word where it has no place", () => {
    const conditions = [
      { type: "PodScheduled", status: "False", message: "0/1 nodes are available: 1 Insufficient cpu." },
    ];
    expect(podTroubles({ status: { conditions } })[0]?.reason).toBe(
      "cannot be placed: 0/1 nodes are available: 1 Insufficient cpu.",
    );
  });
});
