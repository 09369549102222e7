import { expect, test } from "vitest";
import { copyOf, kubeconfigIn, namespaceIn, runningOf, type SeenDeployment, type SeenPod } from "./cluster-running.ts";
import { stateOf } from "./docker-running.ts";
import { isLeaving } from "./migrate-again.ts";

const of = (Status: string, more: object = {}) => ({ Status, ExitCode: 1, RestartCount: 0, ...more });

test.each([
  [of("running", { Health: { Status: "healthy" } }), { state: "ready" }],
  [of("running", { Health: { Status: "healthy" }, RestartCount: 9 }), { state: "ready" }],
  [of("running", { Health: { Status: "starting" } }), { state: "starting", reason: "starts" }],
  [of("restarting"), { state: "starting", reason: "restarts after exit code 1" }],
  [
    of("restarting", { RestartCount: 3 }),
    { state: "failing", reason: "started again 3 times, each time after exit code 1" },
  ],
  [of("running", { Health: { Status: "unhealthy" } }), { state: "failing", reason: "its health check says unhealthy" }],
  [of("created"), { state: "failing", reason: "created, exit code 1" }],
])("a container with %j is %j", (state, expected) => {
  expect(stateOf(state)).toEqual(expected);
});

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

function pod(
  image: string,
  imageID: string,
  more: { ready?: boolean; waiting?: string; restarts?: number } = {},
): SeenPod {
  const { ready = true, waiting, restarts = 0 } = more;
  return {
    metadata: { name: "api-x" },
    spec: { containers: [{ image }] },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: [
        {
          ...{ imageID, restartCount: restarts },
          ...(waiting !== undefined && { state: { waiting: { reason: waiting } } }),
        },
      ],
    },
  };
}

test("a pod runs from what it names, unless the node tells of another digest", () => {
  const name = `registry.example/api@${digest("a")}`;
  expect(copyOf("api", pod(name, name))).toEqual({ service: "api", name: "api-x", image: name, state: "ready" });
  const other = `registry.example/api@${digest("b")}`;
  expect(copyOf("api", pod(name, other))?.image).toBe(other);
  expect(copyOf("api", pod("slipway/api:1234", digest("c")))?.image).toBe("slipway/api:1234");
});

test.each([
  [{ ready: false }, "starting", "its readiness check says no"],
  [{ ready: false, waiting: "CrashLoopBackOff", restarts: 1 }, "starting", "CrashLoopBackOff, started again 1 times"],
  [{ ready: false, waiting: "CrashLoopBackOff", restarts: 3 }, "failing", "CrashLoopBackOff, started again 3 times"],
  [{ ready: false, waiting: "ImagePullBackOff" }, "failing", "ImagePullBackOff"],
])("a pod with %j is %s: %s", (more, state, reason) => {
  expect(copyOf("api", pod("a", "a", more))).toMatchObject({ state, reason });
});

test("a pod that goes, or was done, does not count", () => {
  const going = pod("a", "a");
  expect(copyOf("api", { ...going, metadata: { name: "api-x", deletionTimestamp: new Date() } })).toBeUndefined();
  expect(copyOf("api", { ...going, status: { ...going.status, phase: "Failed" } })).toBeUndefined();
});

test("a pod is on its way out until its time is over by far: its node may be gone", () => {
  const deletionTimestamp = new Date(100_000);
  expect(isLeaving({ deletionTimestamp }, 99_000)).toBe(true);
  expect(isLeaving({ deletionTimestamp }, 114_000)).toBe(true);
  expect(isLeaving({ deletionTimestamp }, 116_000)).toBe(false);
  expect(isLeaving({}, 99_000)).toBe(false);
});

test("a Deployment says how many there are to be, from what, and that its rollout was given up", () => {
  const condition = {
    type: "Progressing",
    status: "False",
    reason: "ProgressDeadlineExceeded",
    message: "has timed out",
  };
  const deployment: SeenDeployment = {
    metadata: { name: "worker-cpu" },
    spec: {
      replicas: 0,
      template: { spec: { containers: [{ image: "slipway/worker:1" }] } },
    },
    status: { conditions: [condition, { type: "Available", status: "False" }] },
  };
  expect(runningOf([deployment], [])).toEqual({
    copies: [],
    wanted: { "worker-cpu": 0 },
    templates: { "worker-cpu": "slipway/worker:1" },
    faults: ["worker-cpu: the cluster gave the rollout up: ProgressDeadlineExceeded has timed out"],
  });
});

test("where a stack is in a cluster is told by its state", () => {
  const urn = (type: string, name: string) => `urn:pulumi:prod::slipway::${type}::${name}`;
  const resource = (type: string, name: string, more: object) => ({ type, urn: urn(type, name), ...more });
  const state = {
    deployment: {
      resources: [
        resource("kubernetes:core/v1:Namespace", "keda-namespace", { id: "slipway-keda" }),
        resource("kubernetes:core/v1:Namespace", "namespace", { id: "slipway-prod" }),
        resource("pulumi:providers:kubernetes", "cluster", { inputs: { kubeconfig: "{}" } }),
      ],
    },
  };
  expect([namespaceIn(state), kubeconfigIn(state)]).toEqual(["slipway-prod", "{}"]);
  expect([namespaceIn({ deployment: {} }), kubeconfigIn({ deployment: {} })]).toEqual([undefined, undefined]);
});
