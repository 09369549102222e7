import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  at,
  clusterStack,
  imageOf,
  inputsOf,
  listAt,
  namesOf,
  podsOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";
import { breaches } from "../../policies/restricted.ts";
import { KEDA_KINDS } from "./keda-kinds.ts";

const BROUGHT = { keda: { install: true }, metrics: { namespace: "monitoring" } };

let stack: RecordedCluster;
beforeAll(async () => {
  stack = await recordCluster(clusterStack(BROUGHT, { gpu: { mode: "on" } }), { hasGpu: true, hasKeda: false });
});

const pod = (name: string) => podsOf(stack).get(`Deployment ${name}`) ?? {};
const urnOf = (type: string, name: string) => `${type}::${name}`;
const waitsOf = (type: string, name: string) =>
  (stack.resources.find((one) => one.type === type && one.name === name)?.dependencies ?? []).join("\n");
/** Rules of a role, as `groups/resources: verbs`, with the only names that they are for. */
const rules = (type: string, name: string) =>
  listAt(inputsOf(stack, type, name), "rules").map((rule) => {
    const [groups, resources, verbs, names] = ["apiGroups", "resources", "verbs", "resourceNames"].map((key) =>
      listAt(rule, key).join(","),
    );
    return `${groups ?? ""}/${resources ?? ""}: ${verbs ?? ""}${names === "" ? "" : ` of ${names ?? ""}`}`;
  });

describe("KEDA that a stack brings", () => {
  it("is its operator and its adapter, by the images of the stack's file, let in by Pod Security", () => {
    expect(inputsOf(stack, TYPES.namespace, "keda")["metadata"]).toMatchObject({
      name: "keda",
      labels: { "pod-security.kubernetes.io/enforce": "restricted" },
    });
    const images = { "keda-operator": "kedaOperator", "keda-metrics-apiserver": "kedaMetricsServer" };
    for (const [name, image] of Object.entries(images)) {
      expect(breaches(pod(name)), name).toEqual([]);
      expect(at(pod(name), "containers", 0, "image")).toBe(imageOf(image));
      expect(at(pod(name), "containers", 0, "securityContext", "readOnlyRootFilesystem")).toBe(true);
      expect(at(pod(name), "automountServiceAccountToken")).toBe(false);
    }
  });

  it("has every kind that it looks for, each with a status of its own", () => {
    expect(namesOf(stack, TYPES.definition)).toEqual(
      KEDA_KINDS.map(({ kind }) => `keda-${kind.toLowerCase()}s`).sort(),
    );
    for (const { group, kind, scope } of KEDA_KINDS) {
      const definition = inputsOf(stack, TYPES.definition, `keda-${kind.toLowerCase()}s`);
      expect(at(definition, "metadata", "name")).toBe(`${kind.toLowerCase()}s.${group}`);
      expect(definition["spec"]).toMatchObject({ group, scope, names: { kind } });
      expect(at(definition, "spec", "versions", 0)).toMatchObject({
        ...{ name: "v1alpha1", served: true, storage: true, subresources: { status: {} } },
        schema: { openAPIV3Schema: { properties: { spec: { "x-kubernetes-preserve-unknown-fields": true } } } },
      });
    }
  });

  it("is of the version that the toolchain builds", () => {
    const goMod = readFileSync(new URL("../../toolchain/go/keda/go.mod", import.meta.url), "utf8");
    expect(goMod).toMatch(/github\.com\/kedacore\/keda\/v2 v2\.21\./);
  });

  it("looks at the stack's namespace alone, and at Secrets of its own alone", () => {
    const settings = (name: string) => inputsOf(stack, TYPES.configMap, name)["data"];
    expect(settings("keda-operator")).toEqual({
      WATCH_NAMESPACE: "slipway-unit",
      POD_NAMESPACE: "keda",
      KEDA_CLUSTER_OBJECT_NAMESPACE: "keda",
      KEDA_RESTRICT_SECRET_ACCESS: "true",
      PGSSLROOTCERT: "/etc/database/ca.crt",
    });
    expect(settings("keda-metrics-apiserver")).toEqual({ WATCH_NAMESPACE: "slipway-unit", POD_NAMESPACE: "keda" });
  });

  it("checks the database's certificate by the database's own authority", () => {
    expect(String(at(inputsOf(stack, TYPES.configMap, "keda-database-ca"), "data", "ca.crt"))).toMatch(
      /^-----BEGIN CERT/,
    );
    const [trigger] = listAt(inputsOf(stack, TYPES.scaledObject, "worker-gpu-scale"), "spec", "triggers");
    expect(at(trigger, "metadata", "sslmode")).toBe("verify-full");
  });

  it("makes its certificates itself, and the adapter waits for them", () => {
    const args = listAt(pod("keda-operator"), "containers", 0, "command").map(String);
    expect(args).toEqual(expect.arrayContaining(["--enable-cert-rotation=true", "--enable-webhook-patching=false"]));
    const certificates = (name: string) =>
      at(
        listAt(pod(name), "volumes").find((volume) => at(volume, "name") === "certificates"),
        "secret",
      );
    expect(certificates("keda-operator")).toMatchObject({ secretName: "kedaorg-certs", optional: true });
    expect(certificates("keda-metrics-apiserver")).toMatchObject({ secretName: "kedaorg-certs", optional: false });
    expect(inputsOf(stack, TYPES.secret, "keda-certificates")).not.toHaveProperty("data");
    expect(waitsOf(TYPES.deployment, "keda-metrics-apiserver")).toContain(urnOf(TYPES.deployment, "keda-operator"));
  });
});

describe("what it may do", () => {
  it("is to scale the Deployments of one namespace, and there is no Secret there that it reads", () => {
    expect(rules(TYPES.role, "keda-operator-stack")).toEqual([
      "keda.sh/scaledobjects: get,list,watch,update,patch",
      "keda.sh/scaledobjects/status,scaledobjects/finalizers: get,update,patch",
      "keda.sh/scaledjobs,triggerauthentications: get,list,watch",
      "eventing.keda.sh/cloudeventsources: get,list,watch",
      "autoscaling/horizontalpodautoscalers: get,list,watch,create,update,patch,delete",
      "apps/deployments: get,list,watch",
      "apps/deployments/scale: get,update,patch",
      "/configmaps: get,list,watch",
      ",events.k8s.io/events: create,patch",
    ]);
    expect(at(inputsOf(stack, TYPES.role, "keda-operator-stack"), "metadata", "namespace")).toBe("slipway-unit");
  });

  it("is to write one Secret of its own namespace, and one part of the API", () => {
    expect(rules(TYPES.role, "keda-operator-home")).toEqual([
      "/secrets: get,list,watch",
      "/secrets: update,patch of kedaorg-certs",
      "coordination.k8s.io/leases: create",
      "coordination.k8s.io/leases: get,update,patch of operator.keda.sh",
      ",events.k8s.io/events: create,patch",
    ]);
    expect(rules(TYPES.clusterRole, "keda-operator").at(-1)).toBe(
      "apiregistration.k8s.io/apiservices: get,update,patch of v1beta1.external.metrics.k8s.io",
    );
  });

  it("is to tell in `default` of its objects that have no namespace", () => {
    expect(at(inputsOf(stack, TYPES.role, "keda-operator-events"), "metadata")).toMatchObject({
      ...{ name: "slipway-unit-keda-operator", namespace: "default" },
    });
    expect(rules(TYPES.role, "keda-operator-events")).toEqual(["events.k8s.io/events: create,patch"]);
  });

  it("is nowhere in the cluster Secrets, nor anything by a wildcard but names of triggers", () => {
    const everywhere = namesOf(stack, TYPES.clusterRole).flatMap((name) => rules(TYPES.clusterRole, name));
    expect(everywhere.join("\n")).not.toMatch(/secrets|\*/);
    const own = namesOf(stack, TYPES.role).filter((name) => name.startsWith("keda-"));
    const wild = own.flatMap((name) => rules(TYPES.role, name)).filter((rule) => rule.includes("*"));
    expect(wild).toEqual(["external.metrics.k8s.io/*: get,list"]);
    expect(namesOf(stack, TYPES.clusterRoleBinding)).toEqual(["keda-adapter-delegator", "keda-operator"]);
  });

  it("has names of the stack's where the whole cluster has it", () => {
    for (const name of namesOf(stack, TYPES.clusterRoleBinding))
      expect(String(at(inputsOf(stack, TYPES.clusterRoleBinding, name), "metadata", "name"))).toMatch(/^slipway-unit-/);
  });
});

describe("who speaks to it, and to whom it speaks", () => {
  const policy = (name: string) => inputsOf(stack, TYPES.policy, name)["spec"];
  const selected = (...names: readonly string[]) => ({
    matchExpressions: [{ key: "app.kubernetes.io/name", operator: "In", values: names }],
  });

  it("is nobody but for what is said", () => {
    expect(policy("keda-default-deny")).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    const own = namesOf(stack, TYPES.policy).filter((name) => {
      return at(inputsOf(stack, TYPES.policy, name), "metadata", "namespace") === "keda";
    });
    expect(own).toEqual([
      ...["cluster-api-to-keda", "keda-adapter-to-operator", "keda-default-deny", "keda-dns"],
      ...["keda-operator-from-adapter", "keda-to-cluster-api", "keda-to-postgres", "scrapers-to-keda"],
    ]);
  });

  it("is Postgres, the API, and the adapter the operator", () => {
    expect(policy("keda-to-postgres")).toMatchObject({
      podSelector: selected("keda-operator"),
      egress: [
        {
          to: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "slipway-unit" } },
              podSelector: selected("postgres"),
            },
          ],
          ports: [{ protocol: "TCP", port: 5432 }],
        },
      ],
    });
    expect(policy("keda-operator-from-adapter")).toMatchObject({
      podSelector: selected("keda-operator"),
      ingress: [{ from: [{ podSelector: selected("keda-metrics-apiserver") }], ports: [{ port: 9666 }] }],
    });
    // Postgres lets it in, too.
    expect(JSON.stringify(policy("postgres-from-clients"))).toContain('"kubernetes.io/metadata.name":"keda"');
  });
});

describe("a ScaledObject", () => {
  it("gets at the database by what stands in KEDA's namespace, and comes after KEDA and goes before it", () => {
    expect(namesOf(stack, TYPES.trigger)).toEqual([]);
    const access = inputsOf(stack, TYPES.clusterTrigger, "keda-database");
    const secret = inputsOf(stack, TYPES.secret, "secrets-keda-database");
    expect(at(access, "spec", "secretTargetRef")).toEqual([
      { parameter: "password", name: at(secret, "metadata", "name"), key: "database-password" },
    ]);
    expect(at(secret, "metadata", "namespace")).toBe("keda");
    expect(Object.keys(at(secret, "data") as object)).toEqual(["database-password"]);
    for (const name of ["worker-cpu-scale", "worker-gpu-scale"]) {
      expect(at(inputsOf(stack, TYPES.scaledObject, name), "spec", "triggers", 0, "authenticationRef")).toEqual({
        ...{ name: "slipway-unit-database", kind: "ClusterTriggerAuthentication" },
      });
      const waits = waitsOf(TYPES.scaledObject, name);
      for (const part of [
        urnOf(TYPES.deployment, "keda-operator"),
        urnOf(TYPES.deployment, "keda-metrics-apiserver"),
        urnOf(TYPES.apiService, "keda-metrics"),
      ])
        expect(waits, part).toContain(part);
    }
    for (const kind of ["keda-scaledobjects", "keda-clustertriggerauthentications"])
      expect(waitsOf(TYPES.deployment, "keda-operator")).toContain(urnOf(TYPES.definition, kind));
    expect(waitsOf(TYPES.clusterTrigger, "keda-database")).toContain(urnOf(TYPES.deployment, "keda-operator"));
  });

  it("takes GPU workers from none", () => {
    expect(inputsOf(stack, TYPES.scaledObject, "worker-gpu-scale")["spec"]).toMatchObject({ minReplicaCount: 0 });
    expect(inputsOf(stack, TYPES.deployment, "worker-gpu")["spec"]).not.toHaveProperty("replicas");
  });
});

describe("KEDA that a stack does not bring", () => {
  it("is not there, neither beside one that is nor where nobody scales by jobs", async () => {
    for (const said of [{ autoscaler: "keda" }, { autoscaler: "hpa" }]) {
      const other = await recordCluster(clusterStack(said));
      expect([...namesOf(other, TYPES.definition), ...namesOf(other, TYPES.apiService)]).toEqual([]);
      expect(namesOf(other, TYPES.namespace)).toEqual(["namespace"]);
    }
  });

  it("lets workers go by CPU where `auto` finds none, and by jobs where it does", async () => {
    const none = await recordCluster(clusterStack(), { hasKeda: false });
    expect([namesOf(none, TYPES.hpa), namesOf(none, TYPES.scaledObject)]).toEqual([["api", "worker-cpu"], []]);
    const there = await recordCluster(clusterStack(), { hasKeda: true });
    expect([namesOf(there, TYPES.hpa), namesOf(there, TYPES.scaledObject)]).toEqual([["api"], ["worker-cpu-scale"]]);
  });
});
