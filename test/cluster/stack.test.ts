import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Drift } from "../../ops/drift.ts";
import { until } from "../servers/programs.ts";
import { added, clusterWide, type Names } from "./cluster-wide.ts";
import { Load } from "./load.ts";
import { Product } from "./product.ts";

/** The whole product on a real node: what `pulumi up` of a stack on the platform kubernetes makes. */
const CANARY = `canary${randomBytes(12).toString("hex")}`;
const CLIENTS = 8;
let product: Product;
/** What the cluster had before, outside of namespaces. */
let before: Names;

beforeAll(async () => {
  product = await Product.prepare({ "api.rateLimitPerSecond": "0" });
  before = await clusterWide(product.cluster);
  await product.stack.good("config", "set", "--secret", "slipway:databasePassword", CANARY);
});
afterAll(async () => {
  await product.leave();
});

describe("the product on Kubernetes", () => {
  it("comes up, and speaks", async () => {
    await product.up();
    await product.reach();
    const id = await product.post({ text: "Hello from a pod." }, { kind: "speech" });
    await product.untilDone([id], 60_000);
    const artifact = Buffer.from(await (await product.request(`/api/v1/jobs/${id}/artifact`)).arrayBuffer());
    expect(artifact.subarray(0, 4).toString()).toBe("RIFF");
    expect(artifact.length).toBeGreaterThan(10_000);
  });

  it("is no difference afterwards, neither for a preview nor for a refresh", async () => {
    await product.stack.good("preview", "--expect-no-changes");
    await product.stack.good("refresh", "--preview-only", "--expect-no-changes");
    const drift = await product.stack.asked<Drift>("drift");
    expect(drift, drift.text).toMatchObject({ code: 0, result: { changes: [], unmanaged: [], unseen: [] } });
  });

  it("runs every pod under Pod Security restricted, without an account's usual token", async () => {
    const label = "{.metadata.labels.pod-security\\.kubernetes\\.io/enforce}";
    expect(await product.cluster.kubectl("get", "namespace", product.namespace, `--output=jsonpath=${label}`)).toBe(
      "restricted",
    );
    const mounts = await product.get("pods", "{.items[*].spec.automountServiceAccountToken}");
    expect(new Set(mounts.split(" "))).toEqual(new Set(["false"]));
    const phases = await product.get("pods", "{.items[*].status.phase}");
    expect(phases.split(" ").sort()).toEqual([...Array<string>(6).fill("Running"), "Succeeded", "Succeeded"]);
  });

  it("shows secrets nowhere but in Secrets", async () => {
    const forms = [
      CANARY,
      Buffer.from(CANARY).toString("base64"),
      encodeURIComponent(CANARY),
      Buffer.from(CANARY).toString("hex"),
    ];
    const kinds = "pods,configmaps,deployments,statefulsets,jobs,events,services";
    const objects = await product.kubectl("get", kinds, "--output=json");
    for (const form of forms) for (const text of [product.stack.state(), objects]) expect(text).not.toContain(form);
    expect(await product.kubectl("get", "secrets", "--output=json")).toContain(forms[1]);
  });

  it("sees what was changed and deleted by hand, and repairs it", async () => {
    const [name] = (await product.get("deployments", "{.items[*].metadata.name}")).split(" ");
    await product.kubectl("set", "env", `deployment/${name ?? ""}`, "SPEECH_ENGINE=none");
    await product.kubectl("delete", "networkpolicies", "--all");
    const policies = () => product.get("networkpolicies", "{.items[*].metadata.name}");
    expect(await policies()).toBe("");
    const { code } = await product.stack.pulumi("refresh", "--preview-only", "--expect-no-changes");
    expect(code).not.toBe(0);
    const keep = (releases: number) =>
      product.kubectl("patch", "deployment/api", "--patch", `{"spec":{"revisionHistoryLimit":${releases}}}`);
    await keep(9);
    await product.kubectl("create", "configmap", "stray");
    const labels = ["app.kubernetes.io/part-of=slipway", "app.kubernetes.io/instance=test"];
    await product.kubectl("label", "configmap", "stray", ...labels);
    const drift = await product.stack.asked<Drift>("drift");
    expect(drift.code, drift.text).toBe(3);
    const { changes, unmanaged } = drift.result;
    expect(unmanaged).toEqual([{ kind: "ConfigMap.", name: `${product.namespace}/stray` }]);
    expect(changes.find(({ op }) => op === "update")).toMatchObject({
      name: "api",
      properties: [{ path: "spec.revisionHistoryLimit", after: "9" }],
    });
    expect(changes.filter(({ op, type }) => op === "delete" && type.endsWith(":NetworkPolicy")).length).toBeGreaterThan(
      4,
    );
    await product.kubectl("delete", "configmap", "stray");
    await keep(5);
    await product.stack.good("up", "--yes", "--refresh", "--skip-preview");
    expect((await policies()).split(" ").length).toBeGreaterThan(4);
    expect((await product.stack.asked<Drift>("drift")).code).toBe(0);
  });
});

describe("releases on Kubernetes", () => {
  it("take over without a failed request, new connections among them, and without a lost job", async () => {
    const pods = () => product.get("pods --selector=app.kubernetes.io/name=api", "{.items[*].metadata.name}");
    const old = await pods();
    const load = new Load(product.request, CLIENTS);
    await product.configure({ "api.queueMaxPending": "1000000", "worker.concurrency": "3" });
    await product.up();
    const { statuses, ids, faults } = await load.end();
    expect(faults).toEqual([]);
    expect([...new Set(statuses)].sort()).toEqual([200, 202]);
    expect(statuses.length).toBeGreaterThan(1000);
    expect(await pods()).not.toBe(old);
    await product.untilDone(ids, 60_000);
  });

  it("with an image that is not there fail with the reason, while the old pods serve", async () => {
    await product.useImages({ ...product.images, api: "slipway/none:1" });
    const { code, output } = await product.stack.pulumi("up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(output).toMatch(/ErrImageNeverPull/);
    await product.post({ numbers: [1] });
    await product.useImages(product.images);
    await product.up();
  });

  it("stop at a migration that fails, with its log, and nothing rolls; the next one goes on", async () => {
    const generations = () => product.get("deployments", "{.items[*].metadata.generation}");
    const before = await generations();
    await product.sql("UPDATE schema_migrations SET checksum = 'x' || checksum WHERE version = 1");
    // Something that every program is told.
    await product.configure({ environment: "test" });
    const { code, output } = await product.stack.pulumi("up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(output).toMatch(/migration failed: .*0001/);
    expect(await generations()).toBe(before);
    await product.post({ numbers: [1] });
    await product.sql("UPDATE schema_migrations SET checksum = substr(checksum, 2) WHERE version = 1");
    await product.up();
    expect(await generations()).not.toBe(before);
    await product.configure({ environment: "dev" });
    await product.up();
  });
});

it("leaves nothing when it is destroyed, neither of its own nor of the cluster's", async () => {
  expect(added(before, await clusterWide(product.cluster))).toContain(`namespace/${product.namespace}`);
  await product.stack.good("destroy", "--yes", "--skip-preview");
  // Disks are given back by their driver, some moments later.
  let left: string[] = [];
  const isClean = async () => (left = added(before, await clusterWide(product.cluster))).length === 0;
  await until("nothing is left", isClean, 60_000).catch(() => undefined);
  expect(left).toEqual([]);
});
