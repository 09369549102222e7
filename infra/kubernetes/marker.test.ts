import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadRuntime } from "../../configs/runtime.ts";
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
import { COST_ANNOTATION, EVICTION_ANNOTATION } from "../../worker/marker/cluster-api.ts";

let stack: RecordedCluster;
beforeAll(async () => {
  stack = await recordCluster(clusterStack({}, { gpu: { mode: "on" } }), { hasGpu: true });
});

const ACCOUNT = "system:serviceaccount:slipway-unit:marker";

describe("the marker of busy workers", () => {
  it("has the only token of the namespace, a short one", () => {
    const tokens = [...podsOf(stack)].filter(([, pod]) => JSON.stringify(pod).includes("serviceAccountToken"));
    expect(tokens.map(([name]) => name)).toEqual(["Deployment marker"]);
    const [, pod] = tokens[0] ?? [];
    expect(at(pod, "automountServiceAccountToken")).toBe(false);
    const volume = listAt(pod, "volumes").find((one) => at(one, "projected") !== undefined);
    expect(listAt(volume, "projected", "sources")[0]).toEqual({
      serviceAccountToken: { path: "token", expirationSeconds: 600 },
    });
    const mount = listAt(pod, "containers", 0, "volumeMounts").find((one) => at(one, "name") === at(volume, "name"));
    expect(mount).toMatchObject({ readOnly: true });
    const settings = listAt(pod, "containers", 0, "envFrom")[0];
    const map = stack.resources.find(
      ({ type, inputs }) =>
        type === TYPES.configMap && at(inputs, "metadata", "name") === at(settings, "configMapRef", "name"),
    );
    expect(at(map?.inputs, "data", "CLUSTER_ACCESS_DIR")).toBe(at(mount, "mountPath"));
  });

  it("may list and patch pods of its namespace, and nothing else", () => {
    expect(inputsOf(stack, TYPES.role, "marker")).toMatchObject({
      metadata: { namespace: "slipway-unit" },
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "patch"] }],
    });
    expect(inputsOf(stack, TYPES.roleBinding, "marker")).toMatchObject({
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "marker" },
      subjects: [{ kind: "ServiceAccount", name: "marker", namespace: "slipway-unit" }],
    });
  });

  it("is bound to two annotations by the API server, before it has the right to patch", () => {
    const policy = inputsOf(stack, TYPES.admissionPolicy, "marker");
    expect(policy).toMatchObject({
      metadata: { name: "slipway-unit-marker" },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["pods"] }],
        },
        matchConditions: [{ expression: `request.userInfo.username == "${ACCOUNT}"` }],
      },
    });
    const expressions = listAt(policy, "spec", "validations").map((one) => String(at(one, "expression")));
    for (const part of ["spec", "metadata.labels", "metadata.ownerReferences", "metadata.finalizers"])
      expect(expressions).toContain(
        `has(object.${part}) == has(oldObject.${part}) && (!has(object.${part}) || object.${part} == oldObject.${part})`,
      );
    // What the program changes is what it may change.
    const marks = `key in ["${COST_ANNOTATION}","${EVICTION_ANNOTATION}"] ||`;
    expect(expressions.at(-2)?.split(marks)).toHaveLength(3);
    expect(expressions.at(-1)).toContain(`variables.after["${EVICTION_ANNOTATION}"] == "false"`);
    expect(inputsOf(stack, TYPES.admissionBinding, "marker")["spec"]).toEqual({
      policyName: "slipway-unit-marker",
      validationActions: ["Deny"],
    });
    const waits = (type: string) => stack.resources.find((one) => one.type === type)?.dependencies.join() ?? "";
    expect(waits(TYPES.roleBinding)).toContain("ValidatingAdmissionPolicyBinding::marker");
    const deployment = stack.resources.find(({ type, name }) => type === TYPES.deployment && name === "marker");
    expect(deployment?.dependencies.join()).toContain("RoleBinding::marker");
  });

  it("reaches the cluster's API and Postgres, and nobody reaches it", async () => {
    const spec = (of: RecordedCluster) => inputsOf(of, TYPES.policy, "marker-to-cluster-api")["spec"];
    const to = (cidr: string, port: number) => ({ to: [{ ipBlock: { cidr } }], ports: [{ protocol: "TCP", port }] });
    const clients = { matchExpressions: [{ key: "app.kubernetes.io/name", operator: "In", values: ["marker"] }] };
    expect(spec(stack)).toEqual({
      podSelector: clients,
      policyTypes: ["Egress"],
      egress: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].flatMap((cidr) => [to(cidr, 443), to(cidr, 6443)]),
    });
    const busyWorkers = { apiCidrs: ["203.0.113.7/32"], apiPorts: [16_443] };
    expect(spec(await recordCluster(clusterStack({ busyWorkers })))).toMatchObject({
      egress: [to("203.0.113.7/32", 16_443)],
    });
    const selected = (name: string) =>
      listAt(inputsOf(stack, TYPES.policy, name), "spec", "podSelector", "matchExpressions", 0, "values");
    expect(selected("clients-to-postgres")).toContain("marker");
    expect(selected("clients-to-redis")).not.toContain("marker");
  });

  it("is given settings that its program takes, and the database's password alone", async () => {
    const deployment = inputsOf(stack, TYPES.deployment, "marker");
    expect(listAt(deployment, "spec", "template", "spec", "containers", 0, "command")).toContain("/app/marker.mjs");
    const folder = mkdtempSync(join(tmpdir(), "slipway-marker-"));
    try {
      const data = at(inputsOf(stack, TYPES.secret, "secrets-marker"), "data");
      expect(Object.keys(data as object).sort()).toEqual(["database-ca.pem", "database-password"]);
      writeFileSync(join(folder, "database-password"), "Canary");
      const env = at(inputsOf(stack, TYPES.configMap, "marker"), "data") as Record<string, string>;
      const config = loadRuntime("marker", { ...env, SECRETS_DIR: folder, KUBERNETES_SERVICE_HOST: "10.96.0.1" });
      expect(config.MARKED_SERVICES).toEqual(["worker-cpu", "worker-gpu"]);
      expect(config.DATABASE_POOL_SIZE).toBe(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is not there, nor any right, where the stack's file says so", async () => {
    const without = await recordCluster(clusterStack({ busyWorkers: { marked: false } }));
    for (const type of [TYPES.role, TYPES.roleBinding, TYPES.admissionPolicy, TYPES.admissionBinding])
      expect(namesOf(without, type), type).toEqual([]);
    expect(namesOf(without, TYPES.deployment)).toEqual(["api", "worker-cpu"]);
    expect(namesOf(without, TYPES.policy)).not.toContain("marker-to-cluster-api");
    expect(JSON.stringify([...podsOf(without).values()])).not.toContain("serviceAccountToken");
  });
});
