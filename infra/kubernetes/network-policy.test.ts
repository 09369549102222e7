import { beforeAll, describe, expect, it } from "vitest";
import {
  at,
  clusterStack,
  inputsOf,
  listAt,
  namesOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";

const API = ["api"];
const WORKERS = ["worker-cpu", "worker-gpu"];

let stack: RecordedCluster;
beforeAll(async () => {
  stack = await recordCluster(clusterStack({ ingress: { host: "api.example.org", namespace: "edge" } }));
});

const policy = (name: string, of = stack) => inputsOf(of, TYPES.policy, name)["spec"];
const services = (names: readonly string[]) => ({
  matchExpressions: [{ key: "app.kubernetes.io/name", operator: "In", values: names }],
});
const namespace = (name: string) => ({ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } });
const tcp = (port: number) => [{ protocol: "TCP", port }];

describe("network policies", () => {
  it("deny every pod everything at first", () => {
    expect(policy("default-deny")).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
  });

  it("let every pod ask for names, and nothing else of the cluster's own", () => {
    expect(policy("dns")).toEqual({
      podSelector: {},
      policyTypes: ["Egress"],
      egress: [
        {
          to: [namespace("kube-system"), { ipBlock: { cidr: "169.254.0.0/16" } }],
          ports: [
            { protocol: "UDP", port: 53 },
            { protocol: "TCP", port: 53 },
          ],
        },
      ],
    });
  });

  it("let the ingress controller at the API alone", () => {
    expect(policy("ingress-to-api")).toEqual({
      podSelector: services(API),
      policyTypes: ["Ingress"],
      ingress: [{ from: [namespace("edge")], ports: tcp(8000) }],
    });
  });

  it.each([
    ["postgres", 5432, [...API, ...WORKERS, "marker", "migrate", "drill"], [namespace("keda")]],
    ["redis", 6379, [...API, ...WORKERS, "postgres"], []],
  ])("let clients at %s, from both sides", (name, port, clients, others) => {
    expect(policy(`clients-to-${name}`)).toEqual({
      podSelector: services(clients),
      policyTypes: ["Egress"],
      egress: [{ to: [{ podSelector: services([name]) }], ports: tcp(port) }],
    });
    expect(policy(`${name}-from-clients`)).toEqual({
      podSelector: services([name]),
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: services(clients) }, ...others], ports: tcp(port) }],
    });
  });

  it("are these and no more, and pick pods by labels that pods have", () => {
    expect(namesOf(stack, TYPES.policy)).toEqual([
      ...["clients-to-postgres", "clients-to-redis", "default-deny", "dns", "ingress-to-api"],
      ...["marker-to-cluster-api", "postgres-from-clients", "redis-from-clients"],
    ]);
    for (const [type, names] of [
      [TYPES.deployment, ["api", "marker", "worker-cpu"]],
      [TYPES.statefulSet, ["postgres", "redis"]],
      [TYPES.job, ["migrate"]],
    ] as const)
      for (const name of names)
        expect(
          at(inputsOf(stack, type, name), "spec", "template", "metadata", "labels", "app.kubernetes.io/name"),
        ).toBe(name);
  });

  it("let nobody from outside at the API without an ingress, nor KEDA at Postgres where it does not scale", async () => {
    const alone = await recordCluster(clusterStack({ autoscaler: "hpa" }));
    expect(namesOf(alone, TYPES.policy)).not.toContain("ingress-to-api");
    expect(listAt(policy("postgres-from-clients", alone), "ingress", 0, "from")).toHaveLength(1);
  });

  it("let those at metrics whom the stack's file names, and at nothing else", async () => {
    const metrics = { namespace: "monitoring" };
    const measured = await recordCluster(clusterStack({ metrics }, { gpu: { mode: "on" } }), { hasGpu: true });
    expect(policy("scrapers-to-services", measured)).toEqual({
      podSelector: services([...API, ...WORKERS, "postgres"]),
      policyTypes: ["Ingress"],
      ingress: [{ from: [namespace("monitoring")], ports: tcp(8000) }],
    });
    const exporter = inputsOf(measured, TYPES.policy, "scrapers-to-dcgm-exporter");
    expect(at(exporter, "metadata", "namespace")).toBe("slipway-unit-gpu");
    expect(exporter["spec"]).toEqual({
      podSelector: services(["dcgm-exporter"]),
      policyTypes: ["Ingress"],
      ingress: [{ from: [namespace("monitoring")], ports: tcp(9400) }],
    });
    const ports = ["api", "worker-cpu", "worker-gpu"].map((name) =>
      at(inputsOf(measured, TYPES.deployment, name), "spec", "template", "spec", "containers", 0, "ports", 0),
    );
    expect(ports.map((port) => at(port, "containerPort"))).toEqual([8000, 8000, 8000]);
  });

  it("let nobody at the exporter of GPUs where nobody is named", async () => {
    const unmeasured = await recordCluster(clusterStack({}, { gpu: { mode: "on" } }), { hasGpu: true });
    expect(policy("scrapers-to-dcgm-exporter", unmeasured)).toEqual({
      podSelector: services(["dcgm-exporter"]),
      policyTypes: ["Ingress"],
      ingress: [],
    });
    expect(namesOf(unmeasured, TYPES.policy)).not.toContain("scrapers-to-services");
  });

  it("let clients out to the networks of servers elsewhere", async () => {
    const external = { host: "db.example.org", cidrs: ["10.20.0.0/16"] };
    const elsewhere = await recordCluster(clusterStack({ postgres: { external } }));
    expect(listAt(policy("clients-to-postgres", elsewhere), "egress")).toEqual([
      { to: [{ ipBlock: { cidr: "10.20.0.0/16" } }], ports: tcp(5432) },
    ]);
    expect(namesOf(elsewhere, TYPES.policy)).not.toContain("postgres-from-clients");
  });
});
