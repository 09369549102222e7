import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { parseStackConfig, type RawConfig, type StackConfig } from "../configs/stack.ts";
import { ConnectionBudgetError } from "../infra/plan/connection-budget.ts";
import { at, CLUSTER_ANSWERS, clusterStack, namesOf, podsOf, recordCluster, TYPES } from "../test/pulumi/kubernetes.ts";
import type { Where } from "../infra/kubernetes/cluster-client.ts";
import { known, record } from "../test/pulumi/recorder.ts";
import { manifestOfAll } from "../test/pulumi/docker-stack.ts";
import { cluster } from "./cluster.ts";

vi.mock("../infra/images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

/** A cluster that answers that it has KEDA, or not. */
const finds = (hasKeda: boolean) => async () => ({ hasKeda });
const withKeda = (file: StackConfig) => cluster(file, finds(true));

const identities = (resources: readonly { readonly type: string; readonly name: string }[]) =>
  resources.map(({ type, name }) => `${type} ${name}`).sort();

/** Pulumi.cluster.yaml as the engine hands it over. */
function shipped(): StackConfig {
  const file = parse(readFileSync(new URL("../Pulumi.cluster.yaml", import.meta.url), "utf8")) as {
    readonly config: Readonly<Record<string, unknown>>;
  };
  const values = Object.entries(file.config).map(([key, value]) => [
    key.replace("slipway:", ""),
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const raw: RawConfig = { values: Object.fromEntries(values) as Record<string, string>, isSecret: () => false };
  return parseStackConfig("cluster", raw);
}

describe("cluster", () => {
  it("is the platform with every service on it, and says where it answers", async () => {
    const config = clusterStack();
    const { result, resources } = await record(() => withKeda(config), CLUSTER_ANSWERS);
    expect(identities(resources)).toEqual(identities((await recordCluster(config)).resources));
    expect(await known(result.url)).toBe("http://api.slipway-unit.svc:8000");
    expect(await known(result.namespace)).toBe("slipway-unit");
    expect(Object.keys(await known(result.serving))).toEqual(["api", "worker-cpu", "marker"]);
  });

  it("has a GPU worker where the stack says that there is a GPU, and asks nobody", async () => {
    const on = await record(() => withKeda(clusterStack({}, { gpu: { mode: "on" } })), CLUSTER_ANSWERS);
    expect(Object.keys(await known(on.result.serving))).toEqual(["api", "worker-cpu", "worker-gpu", "marker"]);
  });

  it("reaches the cluster of the secret kubeconfig before any path, and keeps it secret", async () => {
    const kubeconfig = "apiVersion: v1\nclusters: [Canary-kubeconfig]\n";
    const config = clusterStack({ kubeconfig: "/elsewhere" });
    const { resources } = await record(() => withKeda(config), CLUSTER_ANSWERS, { kubeconfig });
    const [provider] = resources.filter(({ type }) => type === TYPES.provider);
    expect(provider?.inputs["kubeconfig"]).toBe(kubeconfig);
    expect(at(provider?.sent, "kubeconfig", "value")).toBe(kubeconfig);
  });

  it("makes nothing where autoscalers may ask Postgres for more connections than it has", async () => {
    const { result, resources } = await record(
      () => withKeda(clusterStack({ workers: { maxReplicas: 20 } })).catch((error: unknown) => error),
      CLUSTER_ANSWERS,
    );
    expect(result).toBeInstanceOf(ConnectionBudgetError);
    expect(String(result)).toContain("slipway:kubernetes.workers.maxReplicas");
    expect(resources).toEqual([]);
  });

  it("is refused before anything is made where the file wants KEDA and the cluster has none", async () => {
    const { result, resources } = await record(
      () => cluster(clusterStack({ autoscaler: "keda" }), finds(false)).catch((error: unknown) => error),
      CLUSTER_ANSWERS,
    );
    expect(String(result)).toContain("slipway:kubernetes.autoscaler");
    expect(resources).toEqual([]);
  });

  it("asks the cluster that it goes to, by the secret kubeconfig before the path", async () => {
    const asked: Where[] = [];
    const find = async (where: Where) => {
      asked.push(where);
      return { hasKeda: false };
    };
    const config = clusterStack({ kubeconfig: "/elsewhere", context: "there" });
    const { resources } = await record(() => cluster(config, find), CLUSTER_ANSWERS, { kubeconfig: "clusters: []" });
    expect(asked).toEqual([{ kubeconfig: "/elsewhere", context: "there", content: "clusters: []" }]);
    expect(namesOf({ resources }, TYPES.hpa)).toEqual(["api", "worker-cpu"]);
  });

  it("comes up as the repository ships it", async () => {
    const stack = await recordCluster(shipped());
    expect(namesOf(stack, TYPES.deployment)).toEqual(["api", "marker", "worker-cpu"]);
    // Named by content, as `make up` brings them to the node.
    const images = [...podsOf(stack).values()].map((pod) => at(pod, "containers", 0, "image"));
    const { images: contexts } = manifestOfAll();
    for (const name of ["api", "worker", "postgres", "redis"] as const)
      expect(images).toContain(`slipway/${name}:${contexts[name].hash}`);
    expect(new Set([...podsOf(stack).values()].map((pod) => at(pod, "containers", 0, "imagePullPolicy")))).toEqual(
      new Set(["Never"]),
    );
  });
});
