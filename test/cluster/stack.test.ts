import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bringProductImages } from "../../toolchain/cluster/product-images.ts";
import type { ProductImages } from "../../infra/kubernetes/images.ts";
import { connect, DEFAULT_HOST } from "../../toolchain/engine.ts";
import { makeToken } from "../../toolchain/token.ts";
import { until } from "../servers/programs.ts";
import { makeProductStack, type TestProgram } from "./program.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

/** The whole product on a real node: what `pulumi up` of a stack on the platform kubernetes makes. */
const STACK = "test";
const NAMESPACE = `slipway-${STACK}`;
const CANARY = `canary${randomBytes(12).toString("hex")}`;
let cluster: RealCluster;
let images: ProductImages;
let stack: TestProgram;
let token: string;
let url: string;

beforeAll(async () => {
  cluster = await useCluster();
  images = await bringProductImages(cluster.layout, connect(DEFAULT_HOST), () => undefined);
  stack = await makeProductStack();
  await configure(images);
  await stack.good("config", "set", "--secret", "slipway:databasePassword", CANARY);
});
afterAll(async () => {
  await stack.pulumi("destroy", "--yes", "--skip-preview");
  stack.remove();
  await cluster.leave();
});

async function configure(names: ProductImages): Promise<void> {
  const values = {
    platform: "kubernetes",
    environment: "dev",
    "kubernetes.kubeconfig": cluster.layout.kubeconfig,
    "kubernetes.importedImages": "true",
    "kubernetes.autoscaler": "none",
    "kubernetes.cpuRequestPercent": "10",
    ...Object.fromEntries(Object.entries(names).map(([name, image]) => [`kubernetes.images.${name}`, image])),
  };
  await stack.good(
    "config",
    "set-all",
    "--path",
    ...Object.entries(values).flatMap(([key, value]) => ["--plaintext", `slipway:${key}=${value}`]),
  );
}

const set = (key: string, value: string) => stack.good("config", "set", "--path", `slipway:${key}`, value);
const up = () => stack.good("up", "--yes", "--skip-preview");

function get(what: string, path: string): Promise<string> {
  return cluster.kubectl("get", ...what.split(" "), `--namespace=${NAMESPACE}`, `--output=jsonpath=${path}`);
}

async function ask(path: string, body?: unknown): Promise<Response> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body !== undefined && { "content-type": "application/json" }),
  };
  return fetch(`${url}${path}`, { headers, ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }) });
}

async function post(params: unknown, kind = "speech"): Promise<string> {
  const answer = await ask("/api/v1/jobs", { kind, params });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

async function job(id: string): Promise<{ state: string; attempt: number }> {
  return (await (await ask(`/api/v1/jobs/${id}`)).json()) as { state: string; attempt: number };
}

describe("the product on Kubernetes", () => {
  it("comes up, and speaks", async () => {
    await up();
    token = await makeToken((await stack.good("stack", "output", "jwtKeys", "--show-secrets")).trim());
    url = `http://${await get("service api", "{.spec.clusterIP}")}:8000`;
    // The node takes a moment until it passes on what comes for a new service; a connection begun before that never comes through.
    const ready = () => fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2000) });
    await until("it answers", async () => (await ready().catch(() => undefined))?.ok === true, 60_000);
    const id = await post({ text: "Hello from a pod." });
    await until("it is spoken", async () => (await job(id)).state === "succeeded", 60_000);
    const artifact = Buffer.from(await (await ask(`/api/v1/jobs/${id}/artifact`)).arrayBuffer());
    expect(artifact.subarray(0, 4).toString()).toBe("RIFF");
    expect(artifact.length).toBeGreaterThan(10_000);
  });

  it("is no difference afterwards, neither for a preview nor for a refresh", async () => {
    await stack.good("preview", "--expect-no-changes");
    await stack.good("refresh", "--preview-only", "--expect-no-changes");
  });

  it("runs every pod under Pod Security restricted, without an account's usual token", async () => {
    const label = "{.metadata.labels.pod-security\\.kubernetes\\.io/enforce}";
    expect(await cluster.kubectl("get", "namespace", NAMESPACE, `--output=jsonpath=${label}`)).toBe("restricted");
    const mounts = await get("pods", "{.items[*].spec.automountServiceAccountToken}");
    expect(new Set(mounts.split(" "))).toEqual(new Set(["false"]));
    const phases = await get("pods", "{.items[*].status.phase}");
    expect(phases.split(" ").sort()).toEqual([...Array<string>(6).fill("Running"), "Succeeded"]);
  });

  it("shows secrets nowhere but in Secrets", async () => {
    const forms = [
      CANARY,
      Buffer.from(CANARY).toString("base64"),
      encodeURIComponent(CANARY),
      Buffer.from(CANARY).toString("hex"),
    ];
    const kinds = "pods,configmaps,deployments,statefulsets,jobs,events,services";
    const objects = await cluster.kubectl("get", kinds, `--namespace=${NAMESPACE}`, "--output=json");
    for (const form of forms) for (const text of [stack.state(), objects]) expect(text).not.toContain(form);
    expect(await cluster.kubectl("get", "secrets", `--namespace=${NAMESPACE}`, "--output=json")).toContain(forms[1]);
  });

  it("sees what was changed and deleted by hand, and repairs it", async () => {
    const [name] = (await get("deployments", "{.items[*].metadata.name}")).split(" ");
    await cluster.kubectl("set", "env", `deployment/${name ?? ""}`, "SPEECH_ENGINE=none", `--namespace=${NAMESPACE}`);
    await cluster.kubectl("delete", "networkpolicies", "--all", `--namespace=${NAMESPACE}`);
    const policies = () => get("networkpolicies", "{.items[*].metadata.name}");
    expect(await policies()).toBe("");
    const { code } = await stack.pulumi("refresh", "--preview-only", "--expect-no-changes");
    expect(code).not.toBe(0);
    await stack.good("up", "--yes", "--refresh", "--skip-preview");
    expect((await policies()).split(" ").length).toBeGreaterThan(4);
  });
});

describe("releases on Kubernetes", () => {
  it("take over without a failed request and without a lost job", async () => {
    const pods = await get("pods --selector=app.kubernetes.io/name=api", "{.items[*].metadata.name}");
    const answers: number[] = [];
    const ids: string[] = [];
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) {
        const answer = await ask("/api/v1/jobs", { kind: "sum", params: { numbers: [1, 2] } });
        answers.push(answer.status);
        ids.push(((await answer.json()) as { id: string }).id);
        await sleep(10);
      }
    })();
    await set("api.rateLimitBurst", "3000");
    await set("worker.concurrency", "3");
    await up();
    over.abort();
    await load;
    expect(new Set(answers)).toEqual(new Set([202]));
    expect(answers.length).toBeGreaterThan(50);
    expect(await get("pods --selector=app.kubernetes.io/name=api", "{.items[*].metadata.name}")).not.toBe(pods);
    for (const id of ids) await until(`job ${id} is done`, async () => (await job(id)).state === "succeeded", 60_000);
  });

  it("with an image that is not there fail with the reason, while the old pods serve", async () => {
    await configure({ ...images, api: "slipway/none:1" });
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(output).toMatch(/ErrImageNeverPull/);
    await post({ numbers: [1] }, "sum");
    await configure(images);
    await up();
  });

  it("stop at a migration that fails, with its log, and nothing rolls; the next one goes on", async () => {
    const sql = (text: string) =>
      cluster.kubectl(
        ...["exec", "postgres-0", `--namespace=${NAMESPACE}`, "--", "psql", "--host=/tmp", "--username=postgres"],
        ...["--dbname=slipway", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", `--command=${text}`],
      );
    const generations = () => get("deployments", "{.items[*].metadata.generation}");
    const before = await generations();
    await sql("UPDATE schema_migrations SET checksum = 'x' || checksum WHERE version = 1");
    // Something that every program is told.
    await set("environment", "test");
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(output).toMatch(/migration failed: .*0001/);
    expect(await generations()).toBe(before);
    await post({ numbers: [1] }, "sum");
    await sql("UPDATE schema_migrations SET checksum = substr(checksum, 2) WHERE version = 1");
    await up();
    expect(await generations()).not.toBe(before);
    await set("environment", "dev");
    await up();
  });

  it("stay up while their node is emptied, one API pod at least, and jobs go on elsewhere", async () => {
    const nodes = "node/slipway";
    const ids = await Promise.all(
      Array.from({ length: 10 }, (_, n) => post({ text: `Number ${n}, which goes on for a while. `.repeat(20) })),
    );
    const programs = "--pod-selector=app.kubernetes.io/name in (api,worker-cpu)";
    // There is no other node: the first API pod goes, and the budget keeps the second until its successor is ready.
    const drain = cluster.kubectl("drain", nodes, programs, "--delete-emptydir-data", "--timeout=20s");
    const isDrained = drain.then(
      () => true,
      () => false,
    );
    const statuses: number[] = [];
    const over = performance.now() + 20_000;
    while (performance.now() < over) {
      statuses.push((await ask("/api/v1/jobs?limit=1")).status);
      await sleep(100);
    }
    expect([await isDrained, ...new Set(statuses)]).toEqual([false, 200]);
    await cluster.kubectl("uncordon", nodes);
    for (const id of ids) await until(`job ${id} is done`, async () => (await job(id)).state === "succeeded", 120_000);
  });

  it("do every job once when its worker is evicted", async () => {
    const ids = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        post({ text: `Sentence number ${n}, which goes on for a while. `.repeat(20) }),
      ),
    );
    await until("some are at work", async () =>
      (await Promise.all(ids.map(job))).some(({ state }) => state === "active"),
    );
    const worker = await get("pods --selector=app.kubernetes.io/name=worker-cpu", "{.items[0].metadata.name}");
    await cluster.kubectl("delete", "pod", worker, `--namespace=${NAMESPACE}`, "--wait=false");
    for (const id of ids) await until(`job ${id} is done`, async () => (await job(id)).state === "succeeded", 120_000);
  });
});

it("leaves nothing when it is destroyed", async () => {
  await stack.good("destroy", "--yes", "--skip-preview");
  expect(await cluster.kubectl("get", "namespaces", "--output=name")).not.toContain(NAMESPACE);
  expect(await cluster.kubectl("get", "priorityclasses", "--output=name")).not.toContain(NAMESPACE);
});
