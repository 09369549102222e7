import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { authorityCertificate } from "../../infra/kubernetes/certificate.ts";
import { CLUSTER_API_HOST, startClusterApi, type SimulatedClusterApi } from "../../test/servers/cluster-api.ts";
import { COST_ANNOTATION, openClusterApi, type ClusterApi } from "./cluster-api.ts";

let simulated: SimulatedClusterApi;
let api: ClusterApi;
beforeEach(async () => {
  simulated = await startClusterApi({
    "worker-cpu-a": { service: "worker-cpu", annotations: { [COST_ANNOTATION]: "100", other: "kept" } },
    "worker-gpu-a": { service: "worker-gpu", annotations: {} },
    "worker-cpu-b": { service: "worker-cpu", annotations: {}, leaving: true },
    "api-a": { service: "api", annotations: {} },
  });
  api = openClusterApi({ host: CLUSTER_API_HOST, port: simulated.port, folder: simulated.access });
});
afterEach(async () => {
  api.close();
  await simulated.close();
});

describe("the cluster's API, simulated over TLS", () => {
  it("lists the pods of the services, with their cost, and none that goes anyway", async () => {
    expect(await api.podsOf(["worker-cpu", "worker-gpu"])).toEqual([
      { name: "worker-cpu-a", cost: "100" },
      { name: "worker-gpu-a", cost: undefined },
    ]);
    expect(await api.podsOf(["worker-gpu"])).toEqual([{ name: "worker-gpu-a", cost: undefined }]);
  });

  it("gives a pod a cost and takes it away, and touches nothing else of it", async () => {
    const annotations = () => simulated.pods.get("worker-cpu-a")?.annotations;
    expect(await api.setCost("worker-cpu-a", undefined)).toBe(true);
    expect(annotations()).toEqual({ other: "kept" });
    expect(await api.setCost("worker-cpu-a", "7")).toBe(true);
    expect(annotations()).toEqual({ other: "kept", [COST_ANNOTATION]: "7" });
    const [first] = simulated.asked;
    expect(first).toMatchObject({ method: "PATCH", contentType: "application/merge-patch+json" });
    expect(JSON.parse(first?.body ?? "")).toEqual({ metadata: { annotations: { [COST_ANNOTATION]: null } } });
  });

  it("takes it as it is that a pod is gone", async () => {
    expect(await api.setCost("worker-cpu-z", "7")).toBe(false);
  });

  it("is asked with the token of the moment: the kubelet changes it", async () => {
    await api.podsOf(["api"]);
    simulated.token = "Canary-next";
    await expect(api.podsOf(["api"])).rejects.toThrow(/answered 401 to GET .*: Unauthorized/);
    writeFileSync(join(simulated.access, "token"), "Canary-next\n");
    expect(await api.podsOf(["api"])).toHaveLength(1);
  });

  it("is given no token where its certificate is by another authority", async () => {
    writeFileSync(join(simulated.access, "ca.crt"), authorityCertificate("another-seed-of-many-random-characters-01"));
    await expect(api.podsOf(["api"])).rejects.toThrow(/self-signed|certificate/);
    expect(simulated.asked).toEqual([]);
  });

  it("says in its own words why it refuses, and nobody says the token", async () => {
    simulated.broken = { status: 403, message: 'User "marker" cannot list resource "pods"' };
    const refused = await api.podsOf(["api"]).catch((error: unknown) => String(error));
    expect(refused).toMatch(/answered 403 to GET \/api\/v1\/namespaces\/slipway-unit\/pods.*User "marker" cannot list/);
    expect(refused).not.toContain("Canary");
  });

  it("refuses an answer that is no list of pods", async () => {
    simulated.broken = { status: 200, message: "a proxy's page" };
    await expect(api.podsOf(["api"])).rejects.toThrow(/items/);
  });
});
