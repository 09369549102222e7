import { describe, expect, it } from "vitest";
import { driftMarkdown, driftMarker, driftText } from "./drift-markdown.ts";
import { driftOf, hasDrift, type Drift } from "./drift.ts";
import { parseEvents } from "./engine-events.ts";

interface Found {
  readonly type: string;
  readonly name?: string;
  /** What the program asks for. */
  readonly inputs?: object;
  readonly before?: object;
  readonly after?: object;
  readonly paths?: readonly string[];
}

/** A line of a refresh: what it found afterwards. */
function found(op: string, { type, name = "one", inputs = {}, before = {}, after = {}, paths = [] }: Found): string {
  const metadata = {
    ...{ op, urn: `urn:pulumi:unit::slipway::${type}::${name}`, type },
    old: { custom: true, inputs, outputs: before },
    new: op === "delete" ? null : { custom: true, inputs, outputs: after },
    detailedDiff: Object.fromEntries(paths.map((path) => [path, { diffKind: "update", inputDiff: false }])),
  };
  return JSON.stringify({ resOutputsEvent: { metadata, planning: true } });
}
const drifted = (...lines: readonly string[]) => driftOf(parseEvents(lines.join("\n")));

const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
const replicas = (count: number) => ({ spec: { replicas: count } });
const scaled = { type: DEPLOYMENT, before: replicas(1), after: replicas(7), paths: ["spec.replicas"] };

describe("drift", () => {
  it("is what was changed or deleted; what stays, or only tells how it is doing, is none", () => {
    const { changes } = drifted(
      found("same", { type: DEPLOYMENT }),
      found("update", { type: "aws:rds/instance:Instance", before: { status: "a" }, after: { status: "b" } }),
      found("delete", { type: "docker:index/volume:Volume", name: "postgres" }),
      found("update", { type: DEPLOYMENT, before: { a: { b: 1 } }, after: { a: { b: 2 } }, paths: ["a.b"] }),
    );
    expect(changes).toMatchObject([
      { op: "delete", name: "postgres", losesData: true },
      { op: "update", name: "one", properties: [{ path: "a.b", before: "1", after: "2" }] },
    ]);
  });

  it.each([
    ["pods of a Deployment", { ...scaled }, "an HPA or KEDA"],
    [
      "nodes of a group",
      {
        type: "aws:eks/nodeGroup:NodeGroup",
        inputs: { scalingConfig: { desiredSize: 1 } },
        paths: ["scalingConfig.desiredSize"],
      },
      "the cluster autoscaler",
    ],
    [
      "storage that RDS added",
      { type: "aws:rds/instance:Instance", inputs: { allocatedStorage: 50 }, paths: ["allocatedStorage"] },
      "RDS, which adds storage",
    ],
  ])("is not how many %s there are", (_what, row, by) => {
    const { changes, leftToAutoscalers } = drifted(found("update", row));
    expect(changes).toEqual([]);
    expect(leftToAutoscalers).toEqual([{ name: "one", path: row.paths[0], by }]);
  });

  it("is the number of pods where the file says it, and any other property beside a number that is left", () => {
    expect(drifted(found("update", { ...scaled, inputs: replicas(1) })).changes).toHaveLength(1);
    const beside = {
      ...scaled,
      after: { spec: { replicas: 7, paused: true } },
      paths: ["spec.replicas", "spec.paused"],
    };
    const { changes } = drifted(found("update", beside));
    expect(changes[0]?.properties.map(({ path }) => path)).toEqual(["spec.paused"]);
  });
});

describe("what is told of it", () => {
  const none: Drift = { stack: "prod", changes: [], unmanaged: [], leftToAutoscalers: [], unseen: [] };
  const some: Drift = {
    ...none,
    ...drifted(found("delete", { type: "docker:index/volume:Volume", name: "postgres" })),
    unmanaged: [{ kind: "ConfigMap.", name: "slipway/stray" }],
    unseen: ["Secret.: may not be listed"],
  };

  it("names what is gone, in bold where it is data, what is unmanaged, and where nobody looked", () => {
    expect([hasDrift(some), hasDrift(none)]).toEqual([true, false]);
    const text = driftMarkdown(some);
    expect(text.startsWith(driftMarker("prod"))).toBe(true);
    for (const part of ["**gone: `postgres`**", "unmanaged ConfigMap. `slipway/stray`", "not looked at: Secret."])
      expect(text).toContain(part);
    expect(driftText(some)).toContain("prod: 1 resource changed or gone, 1 object unmanaged\n  gone  postgres");
  });

  it("says that there is none", () => {
    expect(driftMarkdown(none)).toContain("is as it was deployed");
    expect(driftText(none)).toBe("prod: as it was deployed\n");
  });
});
