import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { leftInCluster } from "./left-in-cluster.ts";
import { unmanagedInCluster } from "./unmanaged-in-cluster.ts";

/** Plays the part of a cluster's API that says which kinds there are and lists them. */
let server: Server;
let config: KubeConfig;
const asked: string[] = [];

const kind = (name: string, of: string, verbs = ["list", "get"]) => ({ name, kind: of, verbs, namespaced: true });
const object = (name: string, more: object = {}) => ({ metadata: { name, namespace: "slipway", ...more } });
const owned = { ownerReferences: [{ kind: "ReplicaSet", name: "x" }] };

function disk(name: string, namespace: string, persistentVolumeReclaimPolicy = "Retain", phase = "Released") {
  const spec = { claimRef: { namespace, name: "data-0" }, persistentVolumeReclaimPolicy };
  return { metadata: { name }, spec, status: { phase } };
}

const ANSWERS: Readonly<Record<string, unknown>> = {
  "/api/v1": {
    resources: [
      ...[kind("configmaps", "ConfigMap"), kind("pods", "Pod"), kind("pods/log", "Pod"), kind("secrets", "Secret")],
      ...[kind("persistentvolumeclaims", "PersistentVolumeClaim"), kind("endpoints", "Endpoints")],
      kind("bindings", "Binding", ["create"]),
    ],
  },
  "/apis": {
    groups: ["apps", "metrics.k8s.io", "gone.example.org"].map((name) => ({
      ...{ name, versions: [{ version: "v1", groupVersion: `${name}/v1` }] },
      preferredVersion: { version: "v1", groupVersion: `${name}/v1` },
    })),
  },
  "/apis/apps/v1": { resources: [kind("deployments", "Deployment"), kind("statefulsets", "StatefulSet")] },
  "/apis/metrics.k8s.io/v1": { resources: [kind("pods", "PodMetrics")] },
  "/apis/metrics.k8s.io/v1/pods": { items: [object("api-1")] },
  "/api/v1/configmaps": { items: [object("known"), object("stray")] },
  "/api/v1/pods": { items: [object("api-1", owned), object("alone")] },
  "/api/v1/persistentvolumeclaims": { items: [object("data-postgres-0"), object("data-other-0")] },
  "/api/v1/endpoints": { items: [object("api")] },
  "/apis/apps/v1/deployments": { items: [object("api"), object("api", { namespace: "elsewhere" })] },
  "/apis/apps/v1/statefulsets": { items: [object("postgres")] },
  "/api/v1/persistentvolumes": {
    items: [
      disk("pv-1", "slipway"),
      disk("pv-2", "slipway", "Delete", "Failed"),
      disk("pv-4", "slipway", "Delete"),
      disk("pv-3", "other"),
    ],
  },
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://unit");
    asked.push(`${pathname}?${searchParams.get("labelSelector") ?? ""}`);
    const status = pathname === "/api/v1/secrets" ? 403 : Object.hasOwn(ANSWERS, pathname) ? 200 : 503;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(ANSWERS[pathname] ?? {}));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "unit", server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, skipTLSVerify: true },
    { name: "unit" },
  );
});
afterAll(() => server.close());

const state = (...resources: readonly [type: string, id: string][]) => ({
  deployment: { resources: resources.map(([type, id]) => ({ urn: id, type, id })) },
});

it("finds what bears a stack's labels, of every kind of a simulated API, but for what the state or a controller has", async () => {
  const { objects, unseen } = await unmanagedInCluster(
    config,
    "unit",
    state(
      ["kubernetes:core/v1:ConfigMap", "slipway/known"],
      ["kubernetes:apps/v1:Deployment", "slipway/api"],
      ["kubernetes:apps/v1:StatefulSet", "slipway/postgres"],
      ["docker:index/volume:Volume", "slipway/stray"],
    ),
  );
  expect(objects).toEqual([
    { kind: "ConfigMap.", name: "slipway/stray" },
    { kind: "Deployment.apps", name: "elsewhere/api" },
    { kind: "PersistentVolumeClaim.", name: "slipway/data-other-0" },
    { kind: "Pod.", name: "slipway/alone" },
  ]);
  expect(unseen).toEqual(["Secret.: may not be listed"]);
  const selector = "app.kubernetes.io/part-of=slipway,app.kubernetes.io/instance=unit";
  expect(asked).toContain(`/api/v1/configmaps?${selector}`);
});

it("names what is left of a stack that was taken down, and disks that its claims had, with what removes each", async () => {
  const { objects, unseen } = await leftInCluster(config, "unit", "slipway");
  expect(objects).toContainEqual({
    ...{ kind: "Deployment.apps", name: "elsewhere/api" },
    remove: "kubectl delete deployment.apps api --namespace elsewhere",
  });
  expect(objects.filter(({ kind: of }) => of === "PersistentVolume.")).toEqual([
    {
      ...{ kind: "PersistentVolume.", name: "pv-1", kept: "the disk of slipway/data-0, whose class keeps it" },
      remove: "kubectl delete persistentvolume pv-1",
    },
    { kind: "PersistentVolume.", name: "pv-2", remove: "kubectl delete persistentvolume pv-2" },
  ]);
  expect(unseen).toEqual(["Secret.: may not be listed"]);
});

it("says so where the cluster cannot be asked: what was taken down is gone all the same", async () => {
  const nowhere = new KubeConfig();
  nowhere.loadFromClusterAndUser({ name: "unit", server: "http://127.0.0.1:9", skipTLSVerify: true }, { name: "unit" });
  const { objects, unseen } = await leftInCluster(nowhere, "unit", "slipway");
  expect(objects).toEqual([]);
  expect(unseen[0]).toContain("what the cluster has of unit: ");
});
