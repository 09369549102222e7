import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bringProductImages } from "../../toolchain/cluster/product-images.ts";
import { connect, DEFAULT_HOST } from "../../toolchain/engine.ts";
import { makeToken } from "../../toolchain/token.ts";
import { until } from "../servers/programs.ts";
import { makeProductStack, type TestProgram } from "./program.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

/** The product on a real node where KEDA says how many workers there are, and an HPA how many pods the API has. */
const NAMESPACE = "slipway-test";
/** KEDA looks this often at the job table. */
const POLLING_SECONDS = 2;
const COOLDOWN_SECONDS = 5;
const MOST_WORKERS = 3;
/** One of these is at work for seconds: a worker does one at a time here. */
const LONG_TEXT = "This is a long sentence, which goes on and on for quite a while. ".repeat(70);
let cluster: RealCluster;
let stack: TestProgram;
let token: string;
let url: string;

beforeAll(async () => {
  cluster = await useCluster();
  const images = await bringProductImages(cluster.layout, connect(DEFAULT_HOST), () => undefined);
  stack = await makeProductStack();
  await configure({
    platform: "kubernetes",
    environment: "dev",
    "kubernetes.kubeconfig": cluster.layout.kubeconfig,
    "kubernetes.importedImages": "true",
    "kubernetes.autoscaler": "keda",
    "kubernetes.keda.pollingSeconds": String(POLLING_SECONDS),
    "kubernetes.keda.cooldownSeconds": String(COOLDOWN_SECONDS),
    "kubernetes.workers.maxReplicas": String(MOST_WORKERS),
    "kubernetes.api.minReplicas": "1",
    "kubernetes.cpuRequestPercent": "10",
    "worker.concurrency": "1",
    ...Object.fromEntries(Object.entries(images).map(([name, image]) => [`kubernetes.images.${name}`, image])),
  });
  await stack.good("up", "--yes", "--skip-preview");
  token = await makeToken((await stack.good("stack", "output", "jwtKeys", "--show-secrets")).trim());
  url = `http://${await get("service api", "{.spec.clusterIP}")}:8000`;
  const ready = () => fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2000) });
  await until("the API answers", async () => (await ready().catch(() => undefined))?.ok === true, 60_000);
});
afterAll(async () => {
  await stack.pulumi("destroy", "--yes", "--skip-preview");
  stack.remove();
  await cluster.leave();
});

async function configure(values: Readonly<Record<string, string>>): Promise<void> {
  const pairs = Object.entries(values).flatMap(([key, value]) => ["--plaintext", `slipway:${key}=${value}`]);
  await stack.good("config", "set-all", "--path", ...pairs);
}

function get(what: string, path: string): Promise<string> {
  return cluster.kubectl("get", ...what.split(" "), `--namespace=${NAMESPACE}`, `--output=jsonpath=${path}`);
}

async function ask(path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${url}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  expect(answer.status).toBe(body === undefined ? 200 : 202);
  return answer.json();
}

async function post(params: unknown, more: { kind?: string; delaySeconds?: number } = {}): Promise<string> {
  return ((await ask("jobs", { kind: "sum", params, ...more })) as { id: string }).id;
}

async function isDone(id: string): Promise<boolean> {
  return ((await ask(`jobs/${id}`)) as { state: string }).state === "succeeded";
}

/** Pods of the CPU worker that there shall be. */
async function wanted(): Promise<number> {
  return Number(await get("deployment --selector=app.kubernetes.io/name=worker-cpu", "{.items[0].spec.replicas}"));
}

/** Its pods that there are, those that are on their way out included. */
async function workers(): Promise<number> {
  const names = await get("pods --selector=app.kubernetes.io/name=worker-cpu", "{.items[*].metadata.name}");
  return names.split(" ").filter((name) => name !== "").length;
}

const condition = (type: string) => get("scaledobject worker-cpu", `{.status.conditions[?(@.type=="${type}")].status}`);

async function untilNone(): Promise<void> {
  await until("the last worker is gone", async () => (await wanted()) === 0 && (await workers()) === 0, 120_000);
}

describe("workers under KEDA", () => {
  it("go, every one of them, where there is no job", async () => {
    await untilNone();
    expect([await condition("Ready"), await condition("Active")]).toEqual(["True", "False"]);
  });

  it("come for a job, do it, and go again", async () => {
    const id = await post({ numbers: [1, 2] });
    await until("the job is done", () => isDone(id), 90_000);
    await untilNone();
  });

  it("are not kept by jobs that are due later, and come when these are", async () => {
    const later = await post({ numbers: [1] }, { delaySeconds: 3600 });
    const soon = await post({ numbers: [2] }, { delaySeconds: 6 * POLLING_SECONDS });
    await sleep(4 * POLLING_SECONDS * 1000);
    expect([await wanted(), await isDone(soon)]).toEqual([0, false]);
    await until("the one that is due is done", () => isDone(soon), 90_000);
    await untilNone();
    expect(await isDone(later)).toBe(false);
  });

  it("become more for a burst, as many as it takes at most", async () => {
    const ids = await Promise.all(Array.from({ length: 60 }, () => post({ text: LONG_TEXT }, { kind: "speech" })));
    let most = 0;
    await until(
      "there are as many as may be",
      async () => (most = Math.max(most, await workers())) >= MOST_WORKERS,
      120_000,
    );
    expect(await wanted()).toBe(MOST_WORKERS);
    for (const id of ids) await until(`job ${id} is done`, () => isDone(id), 240_000);
    await untilNone();
  });
});

it("gives the API's autoscaler a figure of its CPU", async () => {
  const active = () => get("hpa api", '{.status.conditions[?(@.type=="ScalingActive")].status}');
  await until("the autoscaler has figures", async () => (await active()) === "True", 90_000);
  expect(await get("hpa api", "{.status.currentMetrics[0].resource.current.averageValue}")).toMatch(/^\d+[mn]?$/);
});

it("go on once KEDA can read the job table again, which Postgres closed in good order", async () => {
  const scale = (replicas: number) =>
    cluster.kubectl("scale", "statefulset/postgres", `--replicas=${replicas}`, `--namespace=${NAMESPACE}`);
  await scale(0);
  const isGone = async () => (await get("pods postgres-0 --ignore-not-found", "{.status.phase}")) === "";
  await until("Postgres is gone, before it would be killed", isGone, 40_000);
  await sleep(5 * POLLING_SECONDS * 1000);
  await scale(1);
  const ready = () => fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2000) });
  await until("the API answers", async () => (await ready().catch(() => undefined))?.ok === true, 90_000);
  expect(await cluster.kubectl("logs", "postgres-0", `--namespace=${NAMESPACE}`)).not.toMatch(/not properly shut down/);
  const id = await post({ numbers: [1] });
  // Of the API's connections one after another finds out that the old server is gone.
  await until("the job is done", () => isDone(id).catch(() => false), 90_000);
  await untilNone();
});
