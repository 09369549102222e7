import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { authorityCertificate } from "../../infra/kubernetes/certificate.ts";
import { CLUSTER_API_HOST, startClusterApi, type SimulatedClusterApi } from "../../test/servers/cluster-api.ts";
import { COST_ANNOTATION, EVICTION_ANNOTATION, openClusterApi, type ClusterApi } from "./cluster-api.ts";

let simulated: SimulatedClusterApi;
let api: ClusterApi;
beforeEach(async () => {
  simulated = await startClusterApi({
    "worker-cpu-a": { service: "worker-cpu", annotations: { [COST_ANNOTATION]: "100", other: "kept" } },
    "worker-gpu-a": { service: "worker-gpu", annotations: { [EVICTION_ANNOTATION]: "false" } },
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
  it("lists the pods of the services, with their marks, and none that goes anyway", async () => {
    const gpu = { name: "worker-gpu-a", cost: undefined, eviction: "false" };
    const cpu = { name: "worker-cpu-a", cost: "100", eviction: undefined };
    expect(await api.podsOf(["worker-cpu", "worker-gpu"])).toEqual([cpu, gpu]);
    expect(await api.podsOf(["worker-gpu"])).toEqual([gpu]);
  });

  it("gives a pod a mark and takes it away in one change, and touches nothing else of it", async () => {
    const annotations = () => simulated.pods.get("worker-cpu-a")?.annotations;
    const gone = { [COST_ANNOTATION]: null, [EVICTION_ANNOTATION]: null };
    expect(await api.annotate("worker-cpu-a", gone)).toBe(true);
    expect(annotations()).toEqual({ other: "kept" });
    const mark = { [COST_ANNOTATION]: "7", [EVICTION_ANNOTATION]: "false" };
    expect(await api.annotate("worker-cpu-a", mark)).toBe(true);
    expect(annotations()).toEqual({ other: "kept", ...mark });
    const [first] = simulated.asked;
    expect(first).toMatchObject({ method: "PATCH", contentType: "application/merge-patch+json" });
    expect(JSON.parse(first?.body ?? "")).toEqual({ metadata: { annotations: gone } });
    expect(simulated.asked).toHaveLength(2);
  });

  it("takes it as it is that a pod is gone", async () => {
    expect(await api.annotate("worker-cpu-z", { [COST_ANNOTATION]: "7" })).toBe(false);
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
