import { beforeAll, describe, expect, it } from "vitest";
import {
  at,
  clusterStack,
  inputsOf,
  listAt,
  namesOf,
  podsOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";
import type { StackSecrets } from "../secrets.ts";
import { kubernetesOf } from "./settings.ts";
import type { GpuDivision, Surroundings } from "./surroundings.ts";

const CA = "-----BEGIN CERTIFICATE-----\nRDS\n-----END CERTIFICATE-----\n";
const SPOT = { key: "slipway/capacity", value: "spot", effect: "NoSchedule" };

function surroundings({ databasePassword, databaseOwnerPassword, redisPassword }: StackSecrets): Surroundings {
  const app = { user: "slipway_app", password: databasePassword };
  const owner = { user: "slipway_owner", password: databaseOwnerPassword };
  return {
    database: {
      is: { host: "db.internal", port: 5432, name: "slipway", app, owner, tls: { ca: CA } },
      ...{ fullHost: "db.internal", ready: [], where: { port: 5432, cidrs: ["10.0.192.0/20"] } },
    },
    cache: {
      is: { host: "cache.internal", port: 6379, password: redisPassword, tls: {} },
      ...{ fullHost: "cache.internal", ready: [], where: { port: 6379, cidrs: ["10.0.192.0/20"] } },
    },
    objects: {
      url: "s3://bucket",
      peers: [
        { cidr: "0.0.0.0/0", port: 443 },
        { cidr: "169.254.170.23/32", port: 80 },
      ],
    },
    images: { api: "registry.internal/api@sha256:1", worker: "registry.internal/worker@sha256:2" },
    loadBalancer: { nodePort: 30_080, cidrs: ["10.0.0.0/16"] },
    nodes: ({ name, gpuShape: shape }) =>
      name === "api"
        ? {}
        : { nodeSelector: { pool: name, ...(name === "worker-gpu" && shape && { shape }) }, tolerations: [SPOT] },
    ready: [],
  };
}

let stack: RecordedCluster;
beforeAll(async () => {
  const file = clusterStack({}, { gpu: { mode: "on" } });
  // Of a stack on AWS; what stands around the cluster comes from the test.
  const kubernetes = { ...kubernetesOf(file), gpu: { ...kubernetesOf(file).gpu, shape: "l4" as const } };
  stack = await recordCluster({ ...file, kubernetes }, { hasGpu: true, surroundings });
});

const policy = (name: string) => inputsOf(stack, TYPES.policy, name)["spec"];

describe("a cluster whose stack brings the rest along", () => {
  it("has nothing that holds data", () => {
    expect([...namesOf(stack, TYPES.statefulSet), ...namesOf(stack, TYPES.claim)]).toEqual([]);
    const volumes = [...podsOf(stack).values()].flatMap((pod) => listAt(pod, "volumes"));
    expect(volumes.filter((volume) => at(volume, "persistentVolumeClaim") !== undefined)).toEqual([]);
    const quota = at(inputsOf(stack, TYPES.quota, "quota"), "spec", "hard", "pods");
    // Twice the most of each and one, and the migration.
    expect(Number(quota)).toBe(2 * 4 + 1 + 2 * 4 + 1 + 1 + 2 * 1 + 1 + 1);
  });

  it("leaves the folder free in which EKS mounts the token of a pod's role", () => {
    const folders = [...podsOf(stack).values()].flatMap((pod) =>
      listAt(pod, "containers").flatMap((container) =>
        listAt(container, "volumeMounts").map((m) => at(m, "mountPath")),
      ),
    );
    expect(folders).toContain("/run/secrets/slipway");
    for (const folder of ["/run", "/var/run", "/run/secrets", "/var/run/secrets"])
      expect(folders).not.toContain(folder);
  });

  it("may open the one port that the load balancer comes to", () => {
    const hard = at(inputsOf(stack, TYPES.quota, "quota"), "spec", "hard");
    expect(at(hard, "services.nodeports")).toBe("1");
    expect(at(hard, "services.loadbalancers")).toBe("0");
    expect(at(inputsOf(stack, TYPES.service, "api"), "spec", "ports", 0, "nodePort")).toBe(30_080);
  });

  it("runs what is in the stack's own registry", () => {
    const images = [...podsOf(stack)].map(([name, pod]) => [name, at(pod, "containers", 0, "image")]);
    expect(Object.fromEntries(images)).toMatchObject({
      "Deployment api": "registry.internal/api@sha256:1",
      "Deployment worker-cpu": "registry.internal/worker@sha256:2",
      "Job migrate": "registry.internal/api@sha256:1",
    });
  });

  it("tells programs where data and artifacts are", () => {
    expect(inputsOf(stack, TYPES.configMap, "worker-cpu")["data"]).toMatchObject({
      ...{ DATABASE_HOST: "db.internal", DATABASE_TLS: "verify", REDIS_HOST: "cache.internal", REDIS_TLS: "verify" },
      OBJECTS_URL: "s3://bucket",
    });
  });

  it("lets programs at them, and the load balancer at the API", () => {
    expect(at(policy("clients-to-postgres"), "egress", 0, "to")).toEqual([{ ipBlock: { cidr: "10.0.192.0/20" } }]);
    expect(at(policy("clients-to-objects"), "egress")).toEqual([
      { to: [{ ipBlock: { cidr: "0.0.0.0/0" } }], ports: [{ protocol: "TCP", port: 443 }] },
      { to: [{ ipBlock: { cidr: "169.254.170.23/32" } }], ports: [{ protocol: "TCP", port: 80 }] },
    ]);
    const clients = at(policy("clients-to-objects"), "podSelector", "matchExpressions", 0, "values");
    expect(clients).toEqual(["api", "worker-cpu", "worker-gpu"]);
    expect(at(policy("load-balancer-to-api"), "ingress")).toEqual([
      { from: [{ ipBlock: { cidr: "10.0.0.0/16" } }], ports: [{ protocol: "TCP", port: 8000 }] },
    ]);
  });

  it("gives the API's service its port of every node, and its pods the time a load balancer takes", () => {
    const service = inputsOf(stack, TYPES.service, "api")["spec"];
    expect(at(service, "type")).toBe("NodePort");
    expect(at(service, "ports", 0, "nodePort")).toBe(30_080);
    const pod = podsOf(stack).get("Deployment api");
    expect(at(pod, "containers", 0, "lifecycle", "preStop", "sleep", "seconds")).toBe(15);
  });

  it("puts pods where they belong; a GPU worker and NVIDIA's daemons tolerate what GPU nodes repel besides", () => {
    expect(podsOf(stack).get("Deployment api")).not.toHaveProperty("tolerations");
    expect(podsOf(stack).get("Deployment worker-cpu")).toMatchObject({
      nodeSelector: { pool: "worker-cpu" },
      tolerations: [SPOT],
    });
    expect(podsOf(stack).get("Deployment worker-gpu")).toMatchObject({
      nodeSelector: { pool: "worker-gpu", shape: "l4" },
      tolerations: [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }, SPOT],
    });
    for (const name of ["device-plugin", "dcgm-exporter"])
      expect(podsOf(stack).get(`DaemonSet ${name}`)).toMatchObject({
        nodeSelector: { pool: "gpu-daemons" },
        tolerations: [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }, SPOT],
      });
    expect(JSON.stringify([...podsOf(stack).values()])).not.toContain("nvidia.com/gpu.present");
    expect(podsOf(stack).get("Job migrate")).toMatchObject({ nodeSelector: { pool: "migrate" } });
  });
});

describe("GPUs that are shared in several ways", () => {
  const division = (name: string, sharing: GpuDivision["sharing"]): GpuDivision => {
    return { name, sharing, nodes: { nodeSelector: { division: name } } };
  };
  let shared: RecordedCluster;
  beforeAll(async () => {
    const divisions = [
      division("", { mode: "none" }),
      division("time-slicing-4", { mode: "time-slicing", replicas: 4 }),
    ];
    const around = (secrets: StackSecrets) => ({ ...surroundings(secrets), gpuDivisions: divisions });
    shared = await recordCluster(clusterStack({}, { gpu: { mode: "on" } }), { hasGpu: true, surroundings: around });
  });

  it("have a device plugin for each way, on the nodes that it is of, and one exporter", () => {
    expect(namesOf(shared, TYPES.daemonSet)).toEqual([
      "dcgm-exporter",
      "device-plugin",
      "device-plugin-time-slicing-4",
    ]);
    const pods = podsOf(shared);
    expect(pods.get("DaemonSet device-plugin")?.["nodeSelector"]).toEqual({ division: "" });
    expect(pods.get("DaemonSet device-plugin-time-slicing-4")?.["nodeSelector"]).toEqual({
      division: "time-slicing-4",
    });
    expect(pods.get("DaemonSet dcgm-exporter")?.["nodeSelector"]).toEqual({ pool: "gpu-daemons" });
  });

  it("are told of it by a configuration each", () => {
    const configOf = (name: string) => {
      const mounted = at(podsOf(shared).get(`DaemonSet ${name}`), "volumes");
      const volume = listAt({ mounted }, "mounted").find((one) => at(one, "name") === "config");
      const map = shared.resources.find(
        ({ type, inputs }) =>
          type === TYPES.configMap && at(inputs, "metadata", "name") === at(volume, "configMap", "name"),
      );
      return JSON.parse(String(at(map?.inputs, "data", "config.yaml"))) as object;
    };
    expect(configOf("device-plugin")).not.toHaveProperty("sharing");
    expect(configOf("device-plugin-time-slicing-4")).toMatchObject({
      sharing: { timeSlicing: { resources: [{ name: "nvidia.com/gpu", replicas: 4 }] } },
    });
  });
});
