import { describe, expect, it, test } from "vitest";
import type { DeploymentRecord } from "./deployments-log.ts";
import { compare, servingImages, servingVersion, untilTrue, type Asked, type Copy, type Running } from "./truth.ts";

const image = (digit: string) => `sha256:${digit.repeat(64)}`;
const asked: Asked = {
  api: { image: image("a"), release: "api-1", replicas: 2 },
  "worker-cpu": { image: image("b"), release: "worker-cpu-1", replicas: 1 },
};
const api = (name: string, more: Partial<Copy> = {}): Copy => ({
  ...{ service: "api", name, image: image("a"), release: "api-1", state: "ready" },
  ...more,
});
const worker: Copy = { service: "worker-cpu", name: "w", image: image("b"), release: "worker-cpu-1", state: "ready" };
const good: Running = { copies: [api("a1"), api("a2"), worker], entry: "api-1" };

test("what was asked for and runs is no difference", () => {
  expect(compare(asked, good)).toEqual([]);
  expect(compare({ ...asked, "worker-gpu": { image: image("c"), release: "g" } }, good)).toEqual([]);
});

test.each<[string, Partial<Running>, string[]]>([
  [
    "another image",
    { copies: [api("a1"), api("a2", { image: image("c") }), worker] },
    [`api: a2 runs sha256:${"c".repeat(12)}, asked for sha256:${"a".repeat(12)}`],
  ],
  [
    "one of before",
    { copies: [...good.copies, api("a0", { release: "api-0" })] },
    ["api: a0 belongs to api-0, asked for api-1", "api: 3 ready, asked for 2"],
  ],
  [
    "a crash loop",
    { copies: [api("a1"), api("a2", { state: "failing", reason: "started again 4 times" }), worker] },
    ["api: a2 is not ready: started again 4 times", "api: 1 ready, asked for 2"],
  ],
  ["one that is gone", { copies: [api("a1"), api("a2")] }, ["worker-cpu: 0 ready, asked for 1"]],
  ["an edge that goes elsewhere", { entry: "api-0" }, ["api: requests go to api-0, asked for api-1"]],
  ["a rollout that the cluster gave up", { faults: ["api: given up"] }, ["api: given up"]],
  [
    "a Deployment that was changed",
    { templates: { api: image("c"), "worker-cpu": image("b") } },
    [`api: its Deployment names sha256:${"c".repeat(12)}, asked for sha256:${"a".repeat(12)}`],
  ],
  [
    "a Deployment that is gone",
    { templates: { api: image("a") } },
    ["worker-cpu: there is no Deployment of that name"],
  ],
  ["as many as an autoscaler wants", { wanted: { api: 2, "worker-cpu": 0 }, copies: [api("a1"), api("a2")] }, []],
])("%s is told", (_what, more, faults) => {
  expect(compare(asked, { ...good, ...more })).toEqual(faults);
});

describe("looking", () => {
  const args = (looks: Running[], patienceSeconds = 60) => ({
    ...{ asked, patienceSeconds, report: () => undefined },
    look: () => Promise.resolve(looks.length > 1 ? (looks.shift() ?? good) : (looks[0] ?? good)),
  });
  const starting: Running = {
    ...good,
    copies: [api("a1"), api("a2", { state: "starting", reason: "starts" }), worker],
  };

  it("goes on while something may come up by itself", async () => {
    expect(await untilTrue(args([starting, good]))).toBe(good);
  });

  it("ends with every difference where nothing will, or at the end of its patience", async () => {
    const broken: Running = { ...good, copies: [api("a1")], entry: "api-0" };
    await expect(untilTrue(args([broken]))).rejects.toThrow(
      "What runs is not what was asked for:\n  api: 1 ready, asked for 2\n  worker-cpu: 0 ready, asked for 1\n  api: requests go to api-0",
    );
    await expect(untilTrue(args([starting], -1))).rejects.toThrow("a2 is not ready: starts");
  });
});

describe("the version that serves", () => {
  const record = (number: number, version: string, digit: string): DeploymentRecord => ({
    ...{ number, version, id: "", command: "", by: "", startedAt: "", outcome: "succeeded" },
    images: { api: image(digit), worker: image("b") },
  });
  const records = [record(1, "0.1.0", "a"), record(2, "0.2.0", "c")];

  it("is that of the API which requests go to, not of one that came up beside it", () => {
    const both: Running = {
      copies: [api("a1"), api("a2", { release: "api-2", image: image("c") }), worker],
      entry: "api-1",
    };
    expect(servingVersion(records, both)).toBe("0.1.0");
    expect(servingVersion(records, { ...both, entry: "api-2" })).toBe("0.2.0");
  });

  it("is told by its image where no deployment made it, and is none where no API is ready", () => {
    expect(servingVersion([], good)).toBe(`an API of sha256:${"a".repeat(12)}, which no deployment of this log made`);
    expect(servingImages({ copies: [api("a1", { state: "starting" }), worker] })).toBeUndefined();
  });

  it("is known by the API alone while workers are scaled to none", () => {
    expect(servingImages({ copies: [api("a1")] })).toEqual({ api: image("a"), worker: "none" });
    expect(servingVersion(records, { copies: [api("a1")] })).toBe("0.1.0");
  });
});
