import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { goBackOnAws, restoreOnAws } from "../../ops/aws-restore.ts";
import type { ResourceChange } from "../../ops/changes.ts";
import type { Drift } from "../../ops/drift.ts";
import { makeToken } from "../../toolchain/token.ts";
import { until } from "../servers/programs.ts";
import { seenBackups } from "./backups.ts";
import { drillCases, lossCases } from "./drill-cases.ts";
import { drillsOf, instancesOf } from "./drills.ts";
import { endCases, makeByHand } from "./end-cases.ts";
import { askAws } from "./pod-identity-agent.ts";
import { mayDo } from "./rights.ts";
import { switchingOf } from "./switching.ts";
import { COPY_REGION, LOG_BUCKET, makeWorld, NAMESPACE, REGION, type World } from "./world.ts";

/**
 * The repository's prod stack: AWS is simulated (moto, and what is put before it), and so are EKS' webhook and agent. Real are the engine, the upstream
 * AWS provider, the Kubernetes node, Postgres, Redis, and the product. docs/aws-tests.md says what that shows and what not.
 */
let world: World;
let token: string;
/** Namespace of the cluster autoscaler, and the name of what it has in none. */
const SCALER = `${NAMESPACE}-autoscaler`;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(async () => {
  // Of a run that failed: the node is the next one's too.
  const left = ["--ignore-not-found", "--timeout=120s", "namespace", NAMESPACE, SCALER];
  const roles = ["--ignore-not-found", "clusterrole,clusterrolebinding", SCALER];
  const remove = (what: string[]) => world.cluster.kubectl("delete", ...what);
  await Promise.all([left, roles].map(remove)).finally(() => world.end());
});

const aws = (service: string, path: string, body?: string) => askAws(world.aws.front, REGION, service, path, body);
/** An action of an API whose requests are forms; gives its XML. */
const act = async (service: string, fields: Readonly<Record<string, string>>) =>
  (await aws(service, "/", new URLSearchParams(fields).toString())).text();

async function ask(path: string, body?: unknown): Promise<Response> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body !== undefined && { "content-type": "application/json" }),
  };
  const more = body !== undefined && { method: "POST", body: JSON.stringify(body) };
  return fetch(`${world.apiUrl}${path}`, { headers, ...more });
}

async function speak(text: string): Promise<string> {
  const answer = await ask("/api/v1/jobs", { kind: "speech", params: { text } });
  expect(answer.status).toBe(202);
  const { id } = (await answer.json()) as { id: string };
  const state = async () => ((await (await ask(`/api/v1/jobs/${id}`)).json()) as { state: string }).state;
  await until("it is spoken", async () => (await state()) === "succeeded", 60_000);
  return id;
}

/** Names of all buckets, or keys of all objects of one. */
async function listed(path: string, element: "Name" | "Key"): Promise<string[]> {
  const answer = await (await aws("s3", path)).text();
  return [...answer.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, "g"))].map(([, name]) => name ?? "");
}

async function artifactBucket(): Promise<string> {
  const names = (await listed("/", "Name")).filter((name) => /objects(?!-replica)/.test(name));
  expect(names).toHaveLength(1);
  return names[0] ?? "";
}

const set = (key: string, value: string) => world.stack.good("config", "set", "--path", `slipway:${key}`, value);

describe("the prod stack on a simulated AWS (moto) and a real node", () => {
  it("is previewed first: Pulumi.prod.yaml is taken, everything would be made, and nothing is", async () => {
    const said = await world.stack.good("preview");
    expect(Number(/\+ (\d+) to create/.exec(said)?.[1])).toBeGreaterThan(100);
    expect(said).not.toMatch(/\d+ to (update|delete|replace)/);
    expect(await (await aws("eks", "/clusters")).json()).toEqual({ clusters: [] });
    expect(await listed("/", "Name")).toEqual([LOG_BUCKET]);
    expect(await act("ec2", { Action: "DescribeVpcs", Version: "2016-11-15" })).not.toContain("10.20.0.0/16");
    expect(await world.cluster.kubectl("get", "namespaces", "--output=name")).not.toContain(NAMESPACE);
  });

  it("comes up, and speaks: the job in RDS' place, the sound in the bucket", async () => {
    await world.stack.good("up", "--yes", "--skip-preview");
    token = await makeToken((await world.stack.good("stack", "output", "jwtKeys", "--show-secrets")).trim());
    // The node takes a moment until it passes on what comes for a new service, and refuses it before.
    const ready = () => fetch(`${world.apiUrl}/health/ready`, { signal: AbortSignal.timeout(2000) });
    await until("it answers", async () => (await ready().catch(() => undefined))?.ok === true, 60_000);
    const id = await speak("Hello from the simulated cloud.");
    const artifact = Buffer.from(await (await ask(`/api/v1/jobs/${id}/artifact`)).arrayBuffer());
    expect(artifact.subarray(0, 4).toString()).toBe("RIFF");
    expect(artifact.length).toBeGreaterThan(10_000);
    const keys = await listed(`/${await artifactBucket()}?list-type=2`, "Key");
    expect(keys.filter((key) => key.includes(id))).not.toEqual([]);
  });

  it("gives each program a role of its own by Pod Identity, and nobody else one", () => {
    const account = (name: string) => `system:serviceaccount:${NAMESPACE}:${name}`;
    expect([...world.agent.given.keys()].sort()).toEqual(["api", "prepare", "worker-cpu"].map(account));
    expect(new Set(world.agent.given.values()).size).toBe(3);
    expect([...world.agent.refused]).toEqual([]);
  });

  it("keeps a second copy of artifacts, another password of the master user, logs of requests, and room for GPUs", async () => {
    const bucket = await artifactBucket();
    expect(await (await aws("s3", `/${bucket}?replication`)).text()).toContain("objects-replica");
    expect(await (await aws("s3", `/${bucket}?logging`)).text()).toContain(`<TargetBucket>${LOG_BUCKET}<`);
    const cluster = (await world.stack.good("stack", "output", "cluster")).trim();
    expect(await (await aws("eks", `/clusters/${cluster}/node-groups`)).text()).toContain("nodes-gpu-t4-spot-");
    const rotated = await world.stack.good("stack", "--show-urns");
    expect(rotated).toContain("aws:secretsmanager/secretRotation:SecretRotation");
  });

  it("backs Postgres and artifacts up into a locked vault that nobody empties, and copies that to the other region", async () => {
    const [here, there] = [await seenBackups(world.aws.front, REGION), await seenBackups(world.aws.front, COPY_REGION)];
    const locked = { Locked: true, MinRetentionDays: 28, MaxRetentionDays: 365 };
    expect([here.vaults, there.vaults]).toMatchObject([[locked], [locked]]);
    for (const policy of [...here.policies, ...there.policies]) expect(policy).toMatch(/DeleteRecoveryPoint.*Deny/);
    const bucket = `arn:aws:s3:::${await artifactBucket()}`;
    expect([...here.selected].sort()).toEqual([expect.stringMatching(/^arn:aws:rds:.*:db:slipway-/), bucket]);
    const kept = here.rules.map(({ RuleName, Lifecycle }) => `${RuleName} ${Lifecycle.DeleteAfterDays}`);
    expect(kept.sort()).toEqual(["daily 35", "daily 35", "weekly 365", "weekly 365"]);
    const copies = here.rules.flatMap(({ CopyActions }) => CopyActions.map((copy) => copy.DestinationBackupVaultArn));
    expect(copies).toEqual(Array.from({ length: 4 }, () => there.vaults[0]?.BackupVaultArn));
    expect([there.rules, there.selected]).toEqual([[], []]);
  });

  it("has an autoscaler that sees what it has to, on the system pool, and may change nothing of the product", async () => {
    const deployment = ["deployment/cluster-autoscaler", `--namespace=${SCALER}`] as const;
    const ready = "--output=jsonpath={.status.readyReplicas} {.spec.template.spec.nodeSelector}";
    // The one that stands in is ready while it may list what the real one waits for.
    expect(await world.cluster.kubectl("get", ...deployment, ready)).toBe('1 {"slipway/pool":"system"}');
    const account = `system:serviceaccount:${SCALER}:cluster-autoscaler`;
    const may = (verb: string, what: string) => mayDo(world.cluster, { account, namespace: NAMESPACE, verb, what });
    for (const [verb, what] of [
      ["create", "pods/eviction"],
      ["update", "nodes"],
    ] as const)
      expect([verb, what, await may(verb, what)]).toEqual([verb, what, "yes"]);
    for (const [verb, what] of [
      ["get", "secrets"],
      ["get", "configmaps"],
      ["delete", "pods"],
      ["patch", "pods"],
      ["patch", "deployments.apps"],
      ["delete", "nodes"],
    ] as const)
      expect([verb, what, await may(verb, what)]).toEqual([verb, what, "no"]);
  });

  it("asks nothing of AWS that is not simulated", () => {
    expect([...world.aws.front.unanswered]).toEqual([]);
  });

  it("is no difference afterwards, neither for a preview nor for a refresh", async () => {
    await world.stack.good("preview", "--expect-no-changes");
    await world.stack.good("refresh", "--preview-only", "--expect-no-changes");
  });

  it("keeps secrets out of the state", async () => {
    const secret = await world.stack.good("config", "get", "slipway:redisPassword");
    const keys = await world.stack.good("stack", "output", "jwtKeys", "--show-secrets");
    const state = world.stack.state();
    for (const text of [secret.trim(), keys.trim(), "P@55w0rd!"]) {
      expect(text.length).toBeGreaterThan(8);
      for (const form of [text, Buffer.from(text).toString("base64")]) expect(state).not.toContain(form);
    }
  });
});

describe("what was changed past Pulumi", () => {
  it("is seen, written down and mended: slipway drift, slipway refresh, and up", async () => {
    const bucket = await artifactBucket();
    const block = () => aws("s3", `/${bucket}?publicAccessBlock`);
    expect((await block()).status).toBe(200);
    await fetch(`${world.aws.front.url}/${bucket}?publicAccessBlock`, {
      method: "DELETE",
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/s3/aws4_request, Signature=0` },
    });
    expect((await block()).status).toBe(404);
    await world.cluster.kubectl("delete", "networkpolicies", "--all", `--namespace=${NAMESPACE}`);
    const rule = await makeByHand(act);

    const seen = await world.stack.asked<Drift>("drift");
    expect(seen.code, seen.text).toBe(3);
    const gone = (changes: readonly ResourceChange[]) =>
      changes.filter(({ op }) => op === "delete").map(({ type }) => type.split(":").at(-1));
    expect(gone(seen.result.changes)).toEqual(expect.arrayContaining(["BucketPublicAccessBlock", "NetworkPolicy"]));
    // Somebody made one by hand, with the stack's tag.
    expect(seen.result.unmanaged).toEqual([{ kind: "ec2", name: expect.stringContaining(rule) as string }]);

    const refreshed = await world.stack.asked<{ changes: readonly ResourceChange[] }>("refresh", "--yes");
    expect(refreshed.code, refreshed.text).toBe(0);
    expect(gone(refreshed.result.changes).sort()).toEqual(gone(seen.result.changes).sort());
    await world.stack.good("up", "--yes", "--skip-preview");
    expect((await block()).status).toBe(200);
    await world.stack.good("preview", "--expect-no-changes");
    await speak("Mended.");
  });
});

describe("what a preview refuses with AWS at hand", () => {
  it("credentials of another account than the file's", async () => {
    await set("aws.account", "210987654321");
    const { code, output } = await world.stack.pulumi("preview");
    await set("aws.account", "123456789012");
    expect(code).not.toBe(0);
    expect(output).toMatch(/123456789012/);
  });

  it.each([
    ["aws.network.zones[2]", "eu-west-1c", `${REGION}c`, /zones.*eu-west-1c/s],
    ["aws.network.cidr", "10.20.0.0/28", "10.20.0.0/16", /cidr/],
    ["aws.overrides.worker.maxReplicas", "1000", "8", /may hold \d+ connections.*overrides\.worker\.maxReplicas/s],
    ["aws.cluster.publicCidrs[0]", "203.0.113.7/32", "93.184.216.34/32", /publicCidrs.*stands for your own address/s],
  ])("%s = %s, with the input to change", async (key, wrong, right, said) => {
    await set(key, wrong);
    const { code, output } = await world.stack.pulumi("preview");
    await set(key, right);
    expect(code).not.toBe(0);
    expect(output).toMatch(said);
  });
});

drillCases(() => world);
lossCases(() => world);
describe("a restore of the database", () => {
  const instances = () => instancesOf(world);
  const hostOfApi = () =>
    world.cluster.kubectl("get", "configmaps", `--namespace=${NAMESPACE}`, "--output=jsonpath={..DATABASE_HOST}");

  const moment = { typed: "latest", to: "latest", isFixed: false } as const;
  const args = () => ({ stack: "test", switching: switchingOf(world.stack), isYes: true, now: Date.now() });

  it("is an instance beside the one that serves, and the services go there by the file alone: slipway restore", async () => {
    const [first = ""] = await instances();
    const to = { moment, losses: drillsOf(world).losses };
    expect((await restoreOnAws({ ...args(), ...to, isYes: false })).text).toContain("Nothing was changed.");
    await world.stack.good("preview", "--expect-no-changes");
    await restoreOnAws({ ...args(), ...to });
    const all = await instances();
    expect(all).toHaveLength(2);
    const restored = all.find((name) => name !== first) ?? "none";
    expect(await hostOfApi()).toContain(restored);
    expect((await seenBackups(world.aws.front, REGION)).selected.join()).toContain(restored);
    await speak("Restored.");
    await world.stack.good("preview", "--expect-no-changes");

    await goBackOnAws({ ...args(), named: undefined });
    expect(await hostOfApi()).toContain(first);
    expect((await instances()).sort()).toEqual([...all].sort());
    await speak("Back.");
  });

  it("lets go of no instance that the file names no more: the preview stops", async () => {
    const [restored] = switchingOf(world.stack).databases().restored;
    await set("aws.data.database.serving", restored?.name ?? "none");
    await set("aws.data.database.keepFirst", "false");
    const { code, output } = await world.stack.pulumi("preview");
    await set("aws.data.database.keepFirst", "true");
    await set("aws.data.database.serving", "first");
    expect(code).not.toBe(0);
    expect(output).toMatch(/database.*protect/s);
    expect(await instances()).toHaveLength(2);
  });
});

endCases({ world: () => world, speak, set, listed, act });
