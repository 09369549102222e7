import { expect, it } from "vitest";
import { checkpoint, fieldManagerOf, isForced, secretsOf } from "./session.ts";

it("takes whatever a Secret holds for secret, whoever wrote it", () => {
  expect(secretsOf({ apiVersion: "v1", kind: "Secret" }, [["metadata"]])).toEqual([
    ["metadata"],
    ["data"],
    ["stringData"],
  ]);
  expect(secretsOf({ apiVersion: "v1", kind: "ConfigMap" }, [["data", "a"]])).toEqual([["data", "a"]]);
});

it("keeps of an object what does not change by itself", () => {
  const object = {
    apiVersion: "v1",
    metadata: { name: "a", resourceVersion: "7", managedFields: [] },
    status: { ready: true },
  };
  expect(checkpoint(object, "me")).toEqual({
    apiVersion: "v1",
    metadata: { name: "a" },
    status: { ready: true },
    __fieldManager: "me",
    __initialApiVersion: "v1",
  });
});

it("has a manager of fields for each resource, which stays", () => {
  const [a, b] = [fieldManagerOf("urn:a"), fieldManagerOf("urn:b")];
  expect(a).toMatch(/^pulumi-kubernetes-[0-9a-f]{8}$/);
  expect([a === b, fieldManagerOf("urn:a"), fieldManagerOf("urn:a", { __fieldManager: "old" })]).toEqual([
    false,
    a,
    "old",
  ]);
});

it("takes fields from others only where an annotation says so", () => {
  const annotated = (value: string) => ({ metadata: { annotations: { "pulumi.com/patchForce": value } } });
  expect([annotated("true"), annotated("false"), {}].map(isForced)).toEqual([true, false, false]);
});
