import { beforeAll, describe, expect, it } from "vitest";
import { promised } from "../../test/pulumi/parity.ts";
import {
  at,
  clusterStack,
  imageOf,
  inputsOf,
  namesOf,
  recordCluster,
  renderedByKubernetes,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";

const INGRESS = { host: "api.example.org", className: "nginx", clusterIssuer: "letsencrypt" };
const SERVICES = ["api", "worker-cpu", "worker-gpu", "marker"];

/** Fixed numbers of pods, and no ingress. */
let fixed: RecordedCluster;
/** Everything: KEDA, an ingress, GPUs. */
let full: RecordedCluster;
beforeAll(async () => {
  fixed = await recordCluster(clusterStack({ autoscaler: "none" }));
  full = await recordCluster(clusterStack({ ingress: INGRESS }, { gpu: { mode: "on" } }), { hasGpu: true });
});

describe("a stack in a cluster", () => {
  it("is exactly these resources", () => {
    const types = [...new Set(fixed.resources.map(({ type }) => type))];
    expect(Object.fromEntries(types.map((type) => [type, namesOf(fixed, type)]))).toEqual({
      [TYPES.platform]: ["cluster"],
      [TYPES.provider]: ["cluster"],
      [TYPES.password]: [
        ...[
          "backup-key",
          "data-certificates",
          "database-owner-password",
          "database-password",
          "jwt-key",
          "redis-password",
        ],
        "secret-fingerprints",
      ],
      [TYPES.namespace]: ["namespace"],
      [TYPES.priority]: ["priority-api", "priority-data", "priority-worker"],
      [TYPES.account]: ["api", "artifacts-disk", "drill", "marker", "migrate", "postgres", "redis", "worker-cpu"],
      [TYPES.configMap]: [
        "api",
        ...["backup", "backup-release", "drill"],
        "marker",
        "migrate",
        "postgres",
        "postgres-files",
        "redis",
        "worker-cpu",
      ],
      [TYPES.secret]: [
        ...["backup", "postgres", "redis"].map((name) => `logins-${name}`),
        ...["api", "backup", "drill", "marker", "migrate", "postgres", "redis", "worker-cpu"].map(
          (name) => `secrets-${name}`,
        ),
      ],
      [TYPES.statefulSet]: ["postgres", "redis"],
      [TYPES.service]: ["api", "postgres", "redis"],
      [TYPES.claim]: ["backups", "objects"],
      [TYPES.policy]: [
        ...["clients-to-postgres", "clients-to-redis", "default-deny", "dns"],
        ...["marker-to-cluster-api", "postgres-from-clients", "redis-from-clients"],
      ],
      [TYPES.job]: ["artifacts-disk", "migrate"],
      [TYPES.cronJob]: ["drill"],
      [TYPES.quota]: ["quota"],
      [TYPES.limitRange]: ["defaults"],
      [TYPES.deployment]: ["api", "marker", "worker-cpu"],
      [TYPES.budget]: ["api", "marker", "worker-cpu"],
      [TYPES.role]: ["marker"],
      [TYPES.roleBinding]: ["marker"],
      [TYPES.admissionPolicy]: ["marker"],
      [TYPES.admissionBinding]: ["marker"],
    });
  });

  it("adds these for KEDA, an ingress and GPUs", () => {
    const identity = ({ type, name }: { readonly type: string; readonly name: string }) => `${type} ${name}`;
    const before = new Set(fixed.resources.map(identity));
    const added = full.resources.map(identity).filter((one) => !before.has(one));
    expect(added.sort()).toEqual(
      [
        `${TYPES.hpa} api`,
        ...["worker-cpu", "worker-gpu"].flatMap((name) => [
          `${TYPES.scaledObject} ${name}-scale`,
          `${TYPES.trigger} ${name}-trigger`,
        ]),
        ...[TYPES.deployment, TYPES.budget, TYPES.account, TYPES.configMap].map((type) => `${type} worker-gpu`),
        `${TYPES.secret} secrets-worker-gpu`,
        ...[`${TYPES.ingress} api`, `${TYPES.policy} ingress-to-api`],
        ...[`${TYPES.namespace} gpu`, `${TYPES.configMap} device-plugin`],
        ...[`${TYPES.daemonSet} device-plugin`, `${TYPES.daemonSet} dcgm-exporter`],
        `${TYPES.policy} scrapers-to-dcgm-exporter`,
      ].sort(),
    );
  });

  it("reaches one cluster by a provider of its own, with server-side apply, and no object by another", async () => {
    const config = clusterStack({ autoscaler: "none", kubeconfig: "/etc/cluster.yaml", context: "test" });
    const { resources } = await recordCluster(config);
    // The SDK hands booleans of providers over as text.
    expect(inputsOf({ resources }, TYPES.provider, "cluster")).toEqual({
      kubeconfig: "/etc/cluster.yaml",
      context: "test",
      enableServerSideApply: "true",
      enableConfigMapMutable: "true",
      enableSecretMutable: "true",
    });
    const objects = resources.filter(({ type }) => type.startsWith("kubernetes:"));
    expect(objects.length).toBeGreaterThan(20);
    for (const { name, provider } of objects) expect(provider, name).toMatch(/pulumi:providers:kubernetes::cluster::/);
  });

  it("stands in a namespace whose pods have to be restricted", () => {
    expect(inputsOf(fixed, TYPES.namespace, "namespace")["metadata"]).toMatchObject({
      name: "slipway-unit",
      labels: {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
      },
    });
    const cluster: readonly string[] = [
      ...[TYPES.namespace, TYPES.priority, TYPES.admissionPolicy, TYPES.admissionBinding],
    ];
    for (const { type, name, inputs } of full.resources.filter(({ type: one }) => one.startsWith("kubernetes:"))) {
      if (!cluster.includes(type))
        expect(at(inputs, "metadata", "namespace"), `${type} ${name}`).toMatch(/^slipway-unit(-gpu)?$/);
    }
    expect(at(inputsOf(full, TYPES.namespace, "gpu"), "metadata", "labels")).toMatchObject({
      "pod-security.kubernetes.io/enforce": "privileged",
    });
  });

  it("answers where its ingress does, by TLS, else within the cluster", () => {
    expect(full.url).toBe("https://api.example.org");
    expect(fixed.url).toBe("http://api.slipway-unit.svc:8000");
    expect(inputsOf(full, TYPES.ingress, "api")).toMatchObject({
      metadata: { annotations: { "cert-manager.io/cluster-issuer": "letsencrypt" } },
      spec: {
        ingressClassName: "nginx",
        tls: [{ hosts: ["api.example.org"], secretName: "api-tls" }],
        rules: [
          {
            host: "api.example.org",
            http: {
              paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "api", port: { number: 8000 } } } }],
            },
          },
        ],
      },
    });
    expect(Object.keys(full.serving)).toEqual(SERVICES);
    expect(full.serving["api"]).toMatch(/^api-[0-9a-f]{10}$/);
  });
});

describe("parity", () => {
  it("makes of every service what its description says, as Docker does", async () => {
    const config = clusterStack({ autoscaler: "none" }, { gpu: { mode: "on" } });
    const stack = await recordCluster(config, { hasGpu: true });
    expect(stack.services.running.map(({ name }) => name)).toEqual(SERVICES);
    for (const spec of stack.services.running) {
      // Whoever reads `replicas` of a fixed number.
      expect(renderedByKubernetes(stack, spec)).toEqual(await promised(spec, imageOf(spec.image)));
    }
  });

  it("gives workers the claim with a speech model, and nobody else", async () => {
    const speech = { engine: "kokoro" };
    const stack = await recordCluster(clusterStack({ modelClaim: "kokoro-model" }, { speech }));
    const models = stack.services.running.map((spec) => [spec.name, renderedByKubernetes(stack, spec).model]);
    expect(models).toEqual([
      ["api", undefined],
      ["worker-cpu", "kokoro-model"],
      ["marker", undefined],
    ]);
  });
});
