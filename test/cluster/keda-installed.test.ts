import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stopAddOn } from "../../toolchain/cluster/add-ons.ts";
import { bringKedaImages } from "../../toolchain/cluster/keda-images.ts";
import { keda } from "../../toolchain/cluster/keda.ts";
import { bringProductImages } from "../../toolchain/cluster/product-images.ts";
import { connect, DEFAULT_HOST } from "../../toolchain/engine.ts";
import { makeToken } from "../../toolchain/token.ts";
import { until } from "../servers/programs.ts";
import { makeProductStack, type TestProgram } from "./program.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

/**
 * A stack that brings KEDA itself, as pods of the node. What otherwise runs beside the node is taken away first: a cluster has one KEDA.
 */
const NAMESPACE = "slipway-test";
const HOME = "slipway-test-keda";
const MOST_WORKERS = 3;
const LONG_TEXT = "This is a long sentence, which goes on and on for quite a while. ".repeat(70);
let cluster: RealCluster;
let stack: TestProgram;
let token: string;
let url: string;

beforeAll(async () => {
  cluster = await useCluster();
  await stopAddOn(cluster, keda(cluster.layout, cluster.programs));
  const images = {
    ...(await bringProductImages(cluster.layout, connect(DEFAULT_HOST), () => undefined)),
    ...(await bringKedaImages(cluster.layout, cluster.programs)),
  };
  stack = await makeProductStack();
  await configure({
    platform: "kubernetes",
    environment: "dev",
    "kubernetes.kubeconfig": cluster.layout.kubeconfig,
    "kubernetes.importedImages": "true",
    "kubernetes.keda.namespace": HOME,
    "kubernetes.keda.pollingSeconds": "2",
    "kubernetes.keda.cooldownSeconds": "5",
    "kubernetes.workers.maxReplicas": String(MOST_WORKERS),
    "kubernetes.api.minReplicas": "1",
    "kubernetes.cpuRequestPercent": "10",
    "worker.concurrency": "1",
    ...Object.fromEntries(Object.entries(images).map(([name, image]) => [`kubernetes.images.${name}`, image])),
  });
});
afterAll(async () => {
  await stack.pulumi("destroy", "--yes", "--skip-preview");
  stack.remove();
  if (cluster.wasThere) await cluster.start();
  await cluster.leave();
});

async function configure(values: Readonly<Record<string, string>>): Promise<void> {
  const pairs = Object.entries(values).flatMap(([key, value]) => ["--plaintext", `slipway:${key}=${value}`]);
  await stack.good("config", "set-all", "--path", ...pairs);
}

function get(what: string, path: string, namespace = NAMESPACE): Promise<string> {
  return cluster.kubectl("get", ...what.split(" "), `--namespace=${namespace}`, `--output=jsonpath=${path}`);
}

async function ask(path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${url}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  expect(answer.status).toBe(body === undefined ? 200 : 202);
  return answer.json();
}

const post = async (kind: string, params: unknown) => ((await ask("jobs", { kind, params })) as { id: string }).id;
const isDone = async (id: string) => ((await ask(`jobs/${id}`)) as { state: string }).state === "succeeded";
const workers = async () => Number((await get("deployment worker-cpu", "{.spec.replicas}")) || "1");

const noWorker = () => until("the last worker is gone", async () => (await workers()) === 0, 180_000);

describe("a cluster without KEDA", () => {
  it("is refused in the preview where the file wants it, with the key", async () => {
    await configure({ "kubernetes.autoscaler": "keda" });
    const { code, output } = await stack.pulumi("preview");
    expect(code).not.toBe(0);
    expect(output).toMatch(/slipway:kubernetes\.autoscaler is "keda", and the cluster has no KEDA/);
  });

  it("is taken as it is where the file leaves it open", async () => {
    await configure({ "kubernetes.autoscaler": "auto" });
    const output = await stack.good("preview");
    expect(output).toContain("the cluster has no KEDA: workers go by CPU");
    expect(output).not.toContain("ScaledObject");
  });
});

describe("KEDA that the stack brings", () => {
  it("comes up with it, from a preview that knows no kind of it, and is no difference afterwards", async () => {
    await configure({ "kubernetes.keda.install": "true" });
    await stack.good("up", "--yes");
    token = await makeToken((await stack.good("stack", "output", "jwtKeys", "--show-secrets")).trim());
    url = `http://${await get("service api", "{.spec.clusterIP}")}:8000`;
    const ready = () => fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2000) });
    await until("the API answers", async () => (await ready().catch(() => undefined))?.ok === true, 60_000);
    await stack.good("preview", "--expect-no-changes");
  });

  it("takes workers to none, and brings one for a job", async () => {
    await noWorker();
    const id = await post("sum", { numbers: [1, 2] });
    await until("the job is done", () => isDone(id), 120_000);
    await noWorker();
  });

  it("answers the cluster's autoscaler, which makes more of them for a burst", async () => {
    const available = () =>
      get("apiservice v1beta1.external.metrics.k8s.io", '{.status.conditions[?(@.type=="Available")].status}');
    await until("its part of the API is there", async () => (await available()) === "True", 120_000);
    const ids = await Promise.all(Array.from({ length: 40 }, () => post("speech", { text: LONG_TEXT })));
    await until("there are as many as may be", async () => (await workers()) === MOST_WORKERS, 180_000);
    for (const id of ids) await until(`job ${id} is done`, () => isDone(id), 240_000);
  });

  it("may read no Secret of the stack, and do nothing in another namespace", async () => {
    const account = `--as=system:serviceaccount:${HOME}:keda-operator`;
    const may = (verb: string, what: string, namespace: string, ...more: readonly string[]) =>
      cluster.kubectl("auth", "can-i", verb, what, account, `--namespace=${namespace}`, ...more).then(
        (said) => said.trim(),
        () => "no",
      );
    expect(await may("get", "secrets", NAMESPACE)).toBe("no");
    expect(await may("patch", "deployments.apps", NAMESPACE, "--subresource=scale")).toBe("yes");
    expect(await may("patch", "deployments.apps", "default", "--subresource=scale")).toBe("no");
    const log = await cluster.kubectl("logs", "deployment/keda-operator", `--namespace=${HOME}`);
    expect(log).not.toMatch(/is forbidden/);
  });

  it("goes with it, kinds and all", async () => {
    await stack.good("destroy", "--yes");
    const left = async (what: string) => cluster.kubectl("get", what, "--output=name");
    expect(await left("crds")).not.toContain("keda.sh");
    expect(await left("apiservices")).not.toContain("external.metrics.k8s.io");
    expect(await left("namespaces")).not.toContain(HOME);
  });
});
