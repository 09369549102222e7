import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { ResourceChange } from "../../ops/changes.ts";
import type { CapacitySaid } from "../../ops/capacity-text.ts";
import type { Destroyed } from "../../ops/commands/destroy.ts";
import type { ListResult } from "../../backup/protocol.ts";
import type { Status } from "../../ops/commands/status.ts";
import type { DestroyPlan } from "../../ops/destroying.ts";
import type { Finding } from "../../ops/health/finding.ts";
import { DeployLock } from "../../toolchain/deployment/deploy-lock.ts";
import { until } from "../servers/programs.ts";
import { startMailbox, type Mailbox } from "../servers/mailbox.ts";
import { startWebhook, type Webhook } from "../servers/webhook.ts";
import { finished, postJob, type Target } from "./client.ts";
import { makeNeighbour } from "./neighbour.ts";
import { makeOpsStack, type OpsStack } from "./ops-stack.ts";
import { spoken } from "./running.ts";
import { docker } from "./stack.ts";

/** Health, status, logs and checks of one stack on the real engine, as somebody types them. */
let stack: OpsStack;
let to: Target;
let mailbox: Mailbox;
let webhook: Webhook;
let folder: string;

const CONTAINER = "docker:index/container:Container";

/** What a busy machine with a full disk would say is none of this test's. */
const HEALTH = {
  ignore: ["cpu"],
  errorLines: { warning: 10_000, bad: 10_000 },
  diskFreePercent: { warning: 1, bad: 0 },
  mail: { from: "slipway@example.org", to: ["one@example.org", "two@example.org"] },
};

/** `up` waits neither for the agent, which is no part of a release, nor for its first backup. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-day-two-"));
  writeFileSync(join(folder, "passphrase"), "correct horse battery staple\n", { mode: 0o600 });
  [mailbox, webhook, stack] = await Promise.all([startMailbox(), startWebhook(), makeOpsStack()]);
  setHealth(HEALTH);
  await stack.up();
  await until("the agent's first backup is whole", hasBackup, 300_000);
  await until("the agent is healthy", async () => (await slipway("status")).code === 0, 300_000);
  to = { url: stack.url, token: await stack.token() };
});
afterAll(async () => {
  await Promise.all([stack.remove(), mailbox.end(), webhook.end()]);
  rmSync(folder, { recursive: true });
});

async function hasBackup(): Promise<boolean> {
  const { code, result } = await slipway<ListResult>("backups");
  // Of one that has not ended there is no key yet; that nobody keeps it elsewhere is a fault of each.
  return code === 0 && result.backups.some(({ keyId }) => keyId !== "");
}

function setHealth(health: unknown): void {
  const { config, ...rest } = parse(stack.file()) as { config: Record<string, unknown> };
  stack.write(stringify({ ...rest, config: { ...config, "slipway:health": health } }));
}

/** Types a command, with --json. */
const slipway = <T>(...words: string[]) => spoken<T>(stack.slipway(...words, "--json"));

describe("status", () => {
  it("says what runs, how much of it is ready, and since when", async () => {
    const { code, result, text } = await slipway<Status>("status");
    expect(code, text).toBe(0);
    expect(result).toMatchObject({ url: stack.url, dataGeneration: "first", gpuWorkers: 0 });
    const ready = Object.fromEntries(result.services.map((one) => [one.service, `${one.ready}/${one.wanted}`]));
    expect(ready).toEqual({
      ...{ api: "2/2", backup: "1/1", edge: "1/1", postgres: "1/1", redis: "1/1", "worker-cpu": "1/1" },
    });
    for (const { containers } of result.services)
      for (const { image, since } of containers) {
        expect(image).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(Date.parse(since ?? "")).toBeGreaterThan(0);
      }
    const { output } = await stack.slipway("status").ended;
    expect(output).toMatch(/^api +2\/2 .*ready$/m);
    expect(output).toMatch(/^ +API +http:\/\/127\.0\.0\.1:\d+$/m);
  });
});

describe("logs", () => {
  it("shows what is said of one job, by every service, in its order", async () => {
    const id = await postJob(to, "sum", { numbers: [1, 2] });
    expect((await finished(to, id)).state).toBe("succeeded");
    const { code, stdout } = await stack.slipway("logs", "--job", id, "--since", "5m").ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`worker-cpu-1 +info +job succeeded jobId=${id} kind=sum`));
    const times = stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => line.slice(0, 12));
    expect(times.length).toBeGreaterThan(1);
    expect(times).toEqual(times.toSorted());
  });

  it("is JSON lines with --json, of one service alone where it is named, and at a level", async () => {
    const { stdout } = await stack.slipway("logs", "api", "--since", "10m", "--json").ended;
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { service: string; line: string });
    expect(new Set(lines.map(({ service }) => service))).toEqual(new Set(["api"]));
    expect(lines.some(({ line }) => line.includes('"msg":"request"'))).toBe(true);
    const errors = await stack.slipway("logs", "api", "--level", "fatal").ended;
    expect(errors).toMatchObject({ code: 0, stdout: "" });
  });

  it("follows until it is told to end, and refuses what it does not know", async () => {
    const following = stack.slipway("logs", "worker-cpu", "--follow", "--since", "5m");
    const id = await postJob(to, "sum", { numbers: [3] });
    await following.printed(`jobId=${id}`);
    following.interrupt();
    expect((await following.ended).code).toBe(130);
    expect((await stack.slipway("logs", "--level", "loud").ended).code).toBe(2);
    expect((await stack.slipway("logs", "nothing").ended).code).toBe(1);
  });
});

describe("check", () => {
  it("--post asks every route, moves the queues, and compares what runs with what was asked for", async () => {
    const { code, result, text } = await slipway<Finding[]>("check", "--post");
    expect(code, text).toBe(0);
    expect(result.map(({ name, state }) => `${name} ${state}`)).toEqual([
      ...["containers good", "versions good", "routes and queues good", "waiting good", "database good"],
    ]);
  });

  it("--pre passes a stack that is up, and finds a fault of its file", async () => {
    expect((await slipway("check", "--pre")).code).toBe(0);
    const file = stack.file();
    setHealth({ queueSeconds: { warning: 5, bad: 1 } });
    const { code, result } = await slipway<Finding[]>("check", "--pre");
    stack.write(file);
    expect(code).toBe(3);
    const bad = result.filter(({ state }) => state === "bad");
    expect(bad.map(({ name }) => name)).toEqual(["file"]);
    expect(bad[0]?.detail).toContain("slipway:health.queueSeconds.warning");
    expect((await stack.slipway("check").ended).code).toBe(2);
  });
});

describe("capacity", () => {
  it("measures what came, and says what it needs of what the file gives, and what a greater load would", async () => {
    const id = await postJob(to, "sum", { numbers: [1, 2] });
    expect((await finished(to, id)).state).toBe("succeeded");
    const { code, result, text } = await slipway<CapacitySaid>("capacity", "--since", "10m");
    expect(code, text).toBe(0);
    const sum = result.load.find(({ kind }) => kind === "sum");
    expect(sum).toMatchObject({ queue: "default" });
    expect(sum?.jobsPerSecond).toBeGreaterThan(0);
    expect(sum?.busiestPerSecond).toBeGreaterThanOrEqual(sum?.jobsPerSecond ?? 0);
    expect(result.workers[0]).toMatchObject({ name: "worker-cpu", copies: 1, concurrency: 4 });
    const more = await slipway<CapacitySaid>("capacity", "--unmeasured", "--jobs", "sum=4", "--seconds", "sum=1");
    expect(more.code, more.text).toBe(3);
    expect(more.result.bounds.filter(({ isEnough }) => !isEnough).map(({ set }) => set)).toEqual([
      ["slipway:worker.replicas: 2", "slipway:worker.concurrency: 5"],
    ]);
    expect((await stack.slipway("capacity", "--jobs", "sun=1").ended).code).toBe(2);
  });
});

interface Health {
  readonly verdict: string;
  readonly findings: readonly Finding[];
  readonly told: readonly string[];
  readonly silenced: readonly string[];
}

describe("health", () => {
  const states = ({ findings }: Health, state: string) =>
    findings.filter((one) => one.state === state).map(({ name }) => name);

  it("is a warning while the key of backups is kept nowhere else, and healthy after that", async () => {
    await stack.slipway("backup").ended;
    const warned = await slipway<Health>("health");
    expect(warned.code, warned.text).toBe(1);
    expect(states(warned.result, "warning")).toEqual(["backups"]);
    const key = join(folder, "key");
    const passphrase = ["--passphrase-file", join(folder, "passphrase")];
    await stack.slipway("keys", "export", "--to", key, ...passphrase).ended;
    await stack.slipway("keys", "verify", "--from", key, ...passphrase).ended;
    const { code, result, text } = await slipway<Health>("health", "--alert");
    expect(code, text).toBe(0);
    expect(result).toMatchObject({ verdict: "HEALTHY", told: [] });
    expect(result.findings.map(({ name }) => name)).toEqual([
      ...["containers", "routes", "network", "database", "queues", "speech", "artifacts"],
      ...["memory", "disk", "logs", "certificates", "backups"],
    ]);
  });

  it("has codes of its own for what is no verdict", async () => {
    expect((await stack.slipway("health", "--loud").ended).code).toBe(64);
    expect((await stack.slipway("health", "more").ended).code).toBe(64);
  });

  it("is unhealthy without a worker, and tells webhook and mail, whose addresses nobody sees", async () => {
    await stack.setSecret("alertWebhook", webhook.url);
    await stack.setSecret("alertSmtp", mailbox.url);
    const [worker = ""] = await stack.containers("worker-cpu");
    await docker("stop", worker);
    const { code, result, text } = await slipway<Health>("health", "--alert");
    await docker("start", worker);
    expect(code, text).toBe(2);
    expect(result).toMatchObject({ told: ["webhook", "mail to 2"], silenced: [] });
    expect(states(result, "bad")).toEqual(["containers"]);
    // No worker, no engine to ask.
    expect(states(result, "unknown")).toEqual(["speech"]);
    expect(webhook.posts).toEqual([expect.objectContaining({ stack: stack.name, verdict: "UNHEALTHY" })]);
    expect(mailbox.mails).toEqual([
      expect.objectContaining({ from: "slipway@example.org", to: ["one@example.org", "two@example.org"] }),
    ]);
    expect(mailbox.mails[0]?.content).toContain("UNHEALTHY (containers, speech)");
    expect(text).not.toContain("canary");
  });

  it("tells nobody of what a deploy disturbs while somebody deploys, and everybody again once that is over", async () => {
    const lock = new DeployLock(stack.name, { state: join(stack.stateFolder, "slipway") });
    const asked = lock.ask("make up");
    if (asked.kind !== "taken") throw new Error("nobody else deploys this stack");
    const [worker = ""] = await stack.containers("worker-cpu");
    await docker("stop", worker);
    const heard = webhook.posts.length;
    const during = await slipway<Health>("health", "--alert");
    asked.release();
    const after = await slipway<Health>("health", "--alert");
    await docker("start", worker);
    expect(during.code, during.text).toBe(2);
    expect(during.result).toMatchObject({ verdict: "UNHEALTHY", told: [] });
    expect(during.result.silenced).toEqual(expect.arrayContaining(["containers", "speech"]));
    expect(after.result).toMatchObject({ told: ["webhook", "mail to 2"], silenced: [] });
    expect(webhook.posts.length).toBe(heard + 1);
  });
});

describe("refresh and destroy", () => {
  it("refresh says what is gone, and writes it into the state alone", async () => {
    const [worker = ""] = await stack.containers("worker-cpu");
    await docker("rm", "--force", worker);
    const refresh = (...words: string[]) => slipway<{ changes: readonly ResourceChange[] }>("refresh", ...words);
    const looked = await refresh();
    expect(looked.code, looked.text).toBe(0);
    expect(looked.result.changes).toEqual([expect.objectContaining({ op: "delete", type: CONTAINER })]);
    expect((await refresh("--yes")).code).toBe(0);
    expect((await refresh()).result.changes).toEqual([]);
    expect(await stack.containers("worker-cpu")).toEqual([]);
  });

  it("destroy names data first, refuses what nobody named, keeps what it is told to, and says what is left", async () => {
    const planned = await slipway<DestroyPlan>("destroy");
    expect(planned.code, planned.text).toBe(0);
    const data = planned.result.data.map(({ name }) => name);
    expect(data).toEqual(expect.arrayContaining(["postgres", "redis", "objects", "backup-key"]));
    const running = await stack.containers();
    expect((await stack.slipway("destroy", "--yes", "--data", "postgres").ended).code).toBe(2);
    expect(await stack.containers()).toEqual(running);
    makeNeighbour(stack.stateFolder);
    const { code, result, text } = await slipway<Destroyed>("destroy", "--yes", "--keep-data");
    expect(code, text).toBe(0);
    expect(await stack.containers()).toEqual([]);
    const own = result.left.objects.filter(({ kept }) => kept === "data");
    expect(own.map(({ remove }) => remove)).toEqual(
      ["backups", "objects", "postgres", "redis"].map((name) => `docker volume rm slipway-${stack.name}-${name}`),
    );
    const log = readFileSync(join(stack.stateFolder, "slipway/deployments", stack.name, "deployments.log"), "utf8");
    expect(log).toContain('"command":"slipway destroy --yes --keep-data');
    expect(log.trim().split("\n").at(-1)).toContain('"outcome":"succeeded"');
  });
});
