import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PAUSE_IMAGE } from "../../toolchain/cluster/components.ts";
import { API_URL } from "../../toolchain/cluster/layout.ts";
import { ensureImage } from "../../toolchain/cluster/images.ts";
import { freePort, until } from "../servers/programs.ts";
import { makeProgram, type TestProgram } from "./program.ts";
import { useCluster, type RealCluster } from "./real-cluster.ts";

/** The Kubernetes plugin of this project under the real engine, on a real node. */
const NAMESPACE = "slipway-plugin-test";
/** One static program that ends: kubectl. */
const TOOL = "slipway.test/kubectl:1";
const CANARY = "canary-of-a-secret";

const SOURCE = `
import * as k8s from "@pulumi/kubernetes";
import { Config, secret } from "@pulumi/pulumi";
const config = new Config();
const get = (key, otherwise) => config.get(key) ?? otherwise;
const provider = new k8s.Provider("cluster", { kubeconfig: get("kubeconfig") });
const annotations = { "pulumi.com/patchForce": "true" };
const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
const ns = new k8s.core.v1.Namespace("ns", { metadata: { name: "${NAMESPACE}", labels } }, { provider });
const namespace = ns.metadata.name;
const settings = new k8s.core.v1.ConfigMap("settings", { metadata: { namespace }, immutable: true, data: { A: get("a", "1") } }, { provider });
const keys = new k8s.core.v1.Secret("keys", { metadata: { namespace }, stringData: { password: secret("${CANARY}") } }, { provider });
const pod = (image, args) => ({
  automountServiceAccountToken: false,
  terminationGracePeriodSeconds: 2,
  securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  containers: [{
    name: "main", image, args, imagePullPolicy: "Never",
    resources: { limits: { cpu: "50m", memory: "65536Ki" } },
    envFrom: [{ configMapRef: { name: settings.metadata.name } }],
    volumeMounts: [{ name: "keys", mountPath: "/run/secrets" }],
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
  }],
  volumes: [{ name: "keys", secret: { secretName: keys.metadata.name } }],
});
const migrate = new k8s.batch.v1.Job("migrate", {
  metadata: { namespace, annotations: { "pulumi.com/replaceUnready": "true" } },
  spec: { backoffLimit: 0, template: { spec: { restartPolicy: "Never", ...pod("${TOOL}", JSON.parse(get("migrate", '["version","--client"]'))) } } },
}, { provider });
const web = new k8s.apps.v1.Deployment("web", {
  metadata: { namespace, name: "web", annotations },
  spec: {
    replicas: 1, progressDeadlineSeconds: 30,
    strategy: { rollingUpdate: { maxUnavailable: 0 } },
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: pod(get("image", "${PAUSE_IMAGE}"), []) },
  },
}, { provider, dependsOn: [migrate] });
const service = new k8s.core.v1.Service("web", {
  metadata: { namespace, name: "web", annotations },
  spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: Number(get("port", "8000")) }] },
}, { provider, dependsOn: [web] });
export const address = service.spec.clusterIP;
`;

let cluster: RealCluster;
let program: TestProgram;

beforeAll(async () => {
  cluster = await useCluster();
  await ensureImage(cluster.layout, TOOL, join(cluster.programs.kubernetes, "kubectl"));
  program = await makeProgram(SOURCE);
  await program.good("config", "set", "kubeconfig", cluster.layout.kubeconfig);
});
afterAll(async () => {
  await program.pulumi("destroy", "--yes", "--skip-preview");
  program.remove();
  await cluster.leave();
});

const up = () => program.pulumi("up", "--yes", "--skip-preview");
const set = (key: string, value: string) => program.good("config", "set", key, value);
const unset = (key: string) => program.good("config", "rm", key);

function get(what: string, path: string): Promise<string> {
  return cluster.kubectl("get", ...what.split(" "), `--namespace=${NAMESPACE}`, `--output=jsonpath=${path}`);
}

async function exists(what: string): Promise<boolean> {
  return (await cluster.kubectl("get", ...what.split(" "), `--namespace=${NAMESPACE}`, "--ignore-not-found")) !== "";
}

describe("the plugin", () => {
  it("shows in a preview what would come, and makes nothing", async () => {
    const shown = await program.good("preview");
    expect(shown).toMatch(/\+ 8 to create/);
    expect(await cluster.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found")).toBe("");
  });

  it("makes objects in their order and waits for each: a job for its end, a rollout for its pods", async () => {
    const shown = await program.good("up", "--yes", "--skip-preview");
    expect(shown).toContain("stands in for the official Kubernetes plugin");
    const lines = shown.split("\n");
    const made = (name: string) => lines.findIndex((line) => line.includes(`${name} created`));
    expect(made("Job migrate")).toBeGreaterThan(0);
    expect(made("Job migrate")).toBeLessThan(lines.findIndex((line) => line.includes("Deployment web creating")));
    expect(await get("deployment web", "{.status.availableReplicas}")).toBe("1");
    expect(await program.good("stack", "output", "address")).toMatch(/^10\.232\./);
  });

  it("finds no difference afterwards, neither in a preview nor in a refresh", async () => {
    await program.good("preview", "--expect-no-changes");
    await program.good("refresh", "--preview-only", "--expect-no-changes");
  });

  it("keeps secrets encrypted in the state, and leaves no copy of them in annotations", async () => {
    const forms = [CANARY, Buffer.from(CANARY).toString("base64")];
    for (const form of forms) expect(program.state()).not.toContain(form);
    expect(await get("secrets", "{.items[*].metadata.annotations}")).not.toContain(CANARY);
    expect(await get("secrets", "{.items[*].data.password}")).toBe(forms[1]);
  });

  it("sees what kubectl changed and deleted, and puts it back", async () => {
    await cluster.kubectl("scale", "deployment/web", "--replicas=0", `--namespace=${NAMESPACE}`);
    const port = '{"spec":{"ports":[{"port":80,"targetPort":1}]}}';
    await cluster.kubectl("patch", "service", "web", `--patch=${port}`, `--namespace=${NAMESPACE}`);
    const shown = await program.good("refresh", "--preview-only", "--diff");
    expect(shown).toMatch(/replicas: 1 => 0/);
    expect(shown).toMatch(/targetPort: 8000 => 1/);
    expect(shown).toMatch(/~ 2 to update/);
    await cluster.kubectl("delete", "secrets", "--all", `--namespace=${NAMESPACE}`);
    await program.good("up", "--yes", "--refresh", "--skip-preview");
    expect([
      await get("deployment web", "{.spec.replicas}"),
      await get("service web", "{.spec.ports[0].targetPort}"),
    ]).toEqual(["1", "8000"]);
    expect(await get("secrets", "{.items[*].data.password}")).not.toBe("");
  });

  it("replaces what cannot be changed in place, beside the old one where the name allows it", async () => {
    const before = await get("configmaps", "{.items[*].metadata.name}");
    await set("a", "2");
    const shown = await program.good("up", "--yes", "--skip-preview");
    expect(shown).toMatch(/ConfigMap settings created replacement/);
    expect(shown).toMatch(/Job migrate created replacement/);
    const after = await get("configmaps", "{.items[*].metadata.name}");
    expect(after).toContain("settings-");
    expect(after.split(" ").filter((name) => name.startsWith("settings-"))).not.toContain(
      before.split(" ").find((name) => name.startsWith("settings-")),
    );
  });
});

describe("failures", () => {
  it("of a job stop the update, with the end of its log; what serves goes on", async () => {
    const pods = () => get("pods --selector=app=web", "{.items[*].metadata.name}");
    await until("those that were replaced are gone", async () => (await pods()).split(" ").length === 1, 60_000);
    const pod = await pods();
    await set("migrate", '["apply","--filename=/none.yaml"]');
    const { code, output } = await up();
    expect(code).not.toBe(0);
    expect(output).toMatch(/it failed: Job has reached the specified backoff limit/);
    expect(output).toMatch(
      /Error with exit code 1; the end of its log:\s+error: the path "\/none.yaml" does not exist/,
    );
    expect(await pods()).toBe(pod);
    // The same again: another job runs, as the one that failed never will.
    const before = await get("jobs", "{.items[*].metadata.uid}");
    expect((await up()).code).not.toBe(0);
    expect(await get("jobs", "{.items[*].metadata.uid}")).not.toBe(before);
    await unset("migrate");
  });

  it("of an image are told with their reason; the old pods serve on, and the next good update goes through", async () => {
    await set("image", "slipway.test/none:1");
    const { code, output } = await up();
    expect(code).not.toBe(0);
    expect(output).toMatch(/its pods cannot start/);
    expect(output).toMatch(/pod web-\S+, container main: ErrImageNeverPull/);
    expect(await get("deployment web", "{.status.availableReplicas}")).toBe("1");
    await unset("image");
    await program.good("up", "--yes", "--skip-preview");
    await program.good("preview", "--expect-no-changes");
  });

  it("of admission show in the preview", async () => {
    await set("port", "70000");
    const { code, output } = await program.pulumi("preview");
    expect(code).not.toBe(0);
    expect(output).toMatch(/Service web: .*70000.*must be between 1 and 65535/);
    await unset("port");
  });

  it("to reach the cluster name the input", async () => {
    await set("kubeconfig", join(program.folder, "none"));
    const { code, output } = await program.pulumi("preview");
    expect(code).not.toBe(0);
    expect(output).toMatch(/kubeconfig is ".*none", and there is no such file/);
    await set("kubeconfig", cluster.layout.kubeconfig);
  });

  it("to reach a cluster that does not answer show in the preview, with its address and what to correct", async () => {
    const port = await freePort();
    const kubeconfig = readFileSync(cluster.layout.kubeconfig, "utf8");
    const elsewhere = kubeconfig.replaceAll(API_URL, `https://127.0.0.1:${port}`);
    expect(elsewhere).not.toBe(kubeconfig);
    writeFileSync(join(program.folder, "elsewhere"), elsewhere, { mode: 0o600 });
    await set("kubeconfig", join(program.folder, "elsewhere"));
    // Where nothing changes there is nothing to ask.
    await set("a", "unreached");
    const { code, output } = await program.pulumi("preview");
    expect(code).not.toBe(0);
    expect(output).toContain(`https://127.0.0.1:${port}`);
    expect(output).toMatch(/kubeconfig/);
    await set("a", "2");
    await set("kubeconfig", cluster.layout.kubeconfig);
  });
});

it("deletes everything, and waits until it is gone", async () => {
  expect(await exists("deployment web")).toBe(true);
  await program.good("destroy", "--yes", "--skip-preview");
  expect(await cluster.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found")).toBe("");
});
