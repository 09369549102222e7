import { describe, expect, it } from "vitest";
import { fromId, idOf, isAutonamed, isList, kindOfToken, tokenOf, withName } from "./objects.ts";

const seed = new Uint8Array([1, 2, 3]);

describe("kinds", () => {
  it.each([
    ["kubernetes:core/v1:Namespace", "v1", "Namespace"],
    ["kubernetes:apps/v1:Deployment", "apps/v1", "Deployment"],
    ["kubernetes:keda.sh/v1alpha1:ScaledObject", "keda.sh/v1alpha1", "ScaledObject"],
  ])("%s is %s %s", (token, apiVersion, kind) => {
    expect(kindOfToken(token)).toEqual({ apiVersion, kind });
  });

  it("refuses what is no type of a resource", () => {
    expect(() => kindOfToken("kubernetes:yaml")).toThrow("expected kubernetes:<group>/<version>:<Kind>");
  });

  it("finds the type of a child in its URN", () => {
    expect(tokenOf("urn:pulumi:dev::slipway::slipway:x:Y$kubernetes:batch/v1:Job::migrate")).toBe(
      "kubernetes:batch/v1:Job",
    );
  });

  it("tells manifests of many objects from objects", () => {
    expect(["List", "ConfigMapList", "Listener"].map((kind) => isList({ apiVersion: "v1", kind }))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

it("ids are read as they are written", () => {
  for (const identity of [{ name: "node" }, { namespace: "a", name: "b" }])
    expect(fromId(idOf(identity))).toEqual(identity);
});

describe("names", () => {
  it("are made where there is none, kept later, and marked", () => {
    const made = withName({ kind: "Job", metadata: { labels: { a: "b" } } }, "Migrate", undefined, seed);
    expect(made).toMatchObject({ metadata: { labels: { a: "b" }, annotations: { "pulumi.com/autonamed": "true" } } });
    expect(JSON.stringify(made)).toMatch(/"name":"migrate-[0-9a-f]{8}"/);
    expect(isAutonamed(made)).toBe(true);
    const again = withName({ kind: "Job" }, "Migrate", made, new Uint8Array([9]));
    expect(again).toMatchObject({ metadata: { name: (made as { metadata: { name: string } }).metadata.name } });
    expect(withName({}, "Migrate", undefined, new Uint8Array([9]))).not.toMatchObject(again);
  });

  it("are taken as they are given, and not kept from an object that was named otherwise", () => {
    const given = { metadata: { name: "web" } };
    expect(withName(given, "x", undefined, seed)).toBe(given);
    expect(isAutonamed(given)).toBe(false);
    expect(withName({}, "x", given, seed)).not.toMatchObject({ metadata: { name: "web" } });
  });
});
