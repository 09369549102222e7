import { describe, expect, it } from "vitest";
import { isSpent, judge, type DiffInput } from "./diff.ts";
import { ownedBy } from "./lifecycle.ts";
import { pathText, UNKNOWN, type JsonObject } from "./wire.ts";

const KIND = { apiVersion: "apps/v1", kind: "Deployment" };
const base = {
  metadata: { name: "web", namespace: "a" },
  spec: { replicas: 1, selector: { app: "web" }, cpu: "1000m" },
};

/** @returns each change as `path:is`, with `!` where it replaces and `~` where nobody asked */
function changes(input: Partial<DiffInput> & Pick<DiffInput, "before" | "after">): string[] {
  const all = {
    kind: KIND,
    unknowns: [],
    live: undefined,
    predicted: undefined,
    immutable: false,
    spent: false,
    ...input,
  };
  return judge(all).changes.map(
    ({ path, is, replaces, asked }) => `${asked ? "" : "~"}${pathText(path)}:${is}${replaces ? "!" : ""}`,
  );
}

describe("judge", () => {
  it("finds what is added, removed and changed, and nothing where nothing is", () => {
    expect(changes({ before: base, after: base })).toEqual([]);
    const after = {
      metadata: { ...base.metadata, labels: { x: "y" } },
      spec: { replicas: 2, selector: base.spec.selector },
    };
    expect(changes({ before: base, after })).toEqual([
      "metadata.labels:added",
      "spec.cpu:removed",
      "spec.replicas:changed",
    ]);
  });

  it("passes over what the server takes for the same", () => {
    const live = { ...base, spec: { ...base.spec, cpu: "1" }, status: { a: 1 } };
    const after = { ...base, spec: { ...base.spec, cpu: "1" } };
    expect(changes({ before: base, after, live, predicted: { ...live, status: { a: 2 } } })).toEqual([]);
  });

  it("finds what others changed of what the program asks for, and leaves them the rest", () => {
    const live = {
      ...base,
      spec: { ...base.spec, replicas: 5, paused: true },
      metadata: { ...base.metadata, resourceVersion: "1" },
    };
    const predicted = {
      ...live,
      spec: { ...live.spec, replicas: 1 },
      metadata: { ...base.metadata, resourceVersion: "2" },
    };
    expect(changes({ before: base, after: base, live, predicted })).toEqual(["~spec.replicas:changed"]);
  });

  it("replaces where a field is fixed, or the server says so", () => {
    const moved = { ...base, spec: { ...base.spec, selector: { app: "other" } } };
    expect(changes({ before: base, after: moved })).toEqual(["spec.selector.app:changed!"]);
    const other = { ...base, spec: { ...base.spec, replicas: 2 } };
    expect(changes({ before: base, after: other, immutable: true })).toEqual(["spec.replicas:changed!"]);
    const sealed = { immutable: true, data: { a: "1" } };
    expect(
      changes({
        kind: { apiVersion: "v1", kind: "ConfigMap" },
        before: sealed,
        after: { ...sealed, data: { a: "2" } },
      }),
    ).toEqual(["data.a:changed!"]);
  });

  it("replaces a Job that failed where the program wants another one then", () => {
    const annotated = { metadata: { name: "m", annotations: { "pulumi.com/replaceUnready": "true" } } };
    const failed = { status: { conditions: [{ type: "Failed", status: "True" }] } };
    expect([
      isSpent(annotated, failed),
      isSpent(annotated, { status: {} }),
      isSpent({}, failed),
      isSpent(annotated, undefined),
    ]).toEqual([true, false, false, false]);
    expect(changes({ before: annotated, after: annotated, spent: true })).toEqual(["~status:changed!"]);
  });

  it("takes what is not known yet for a change", () => {
    const after = { ...base, spec: { ...base.spec, replicas: UNKNOWN } };
    expect(changes({ before: base, after, unknowns: [["spec", "replicas"]] })).toEqual(["spec.replicas:changed"]);
  });

  it("deletes first where the new object has the name of the old one", () => {
    const judged = (metadata: JsonObject, old = metadata) =>
      judge({
        kind: KIND,
        before: { metadata: old, spec: { selector: 1 } },
        after: { metadata, spec: { selector: 2 } },
        unknowns: [],
        live: undefined,
        predicted: undefined,
        immutable: false,
        spent: false,
      }).deleteFirst;
    expect(judged({ name: "web" })).toBe(true);
    expect(judged({ name: "web-1", annotations: { "pulumi.com/autonamed": "true" } })).toBe(false);
    expect(judged({ name: "new" }, { name: "old" })).toBe(false);
  });
});

describe("a refresh", () => {
  it("keeps what is as it was written, and shows what is not", () => {
    const inputs = { spec: { cpu: "1000m", replicas: 1, ports: [{ port: 80 }], gone: "x" } };
    const live = { spec: { cpu: "1", replicas: 3, ports: [{ port: 80, protocol: "TCP" }] }, status: {} };
    const predicted = { spec: { cpu: "1", replicas: 1, ports: [{ port: 80, protocol: "TCP" }], gone: "x" } };
    expect(ownedBy(inputs, live, predicted)).toEqual({ spec: { cpu: "1000m", replicas: 3, ports: [{ port: 80 }] } });
  });

  it("compares texts of a Secret with what is kept of them", () => {
    const encoded = (text: string) => Buffer.from(text).toString("base64");
    const inputs = { stringData: { a: "1", b: "2", c: "3" } };
    const live = { data: { a: encoded("1"), b: encoded("changed") } };
    const predicted = { data: { a: encoded("1"), b: encoded("2"), c: encoded("3") } };
    expect(ownedBy(inputs, live, predicted)).toEqual({ stringData: { a: "1", b: "changed" } });
  });
});
