import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  EXIT,
  type BackupRecord,
  type EscrowResult,
  type ListResult,
  type RestoreResult,
} from "../../backup/protocol.ts";
import { agentOf, restoreVolume, type Agent } from "./backups.ts";
import { finished, postJob, send } from "./client.ts";
import { docker, makeStack, type E2eStack } from "./stack.ts";

/** Backups of one stack on the real engine, from the first one to a restore beside that takes over. */
let stack: E2eStack;
let agent: Agent;
beforeAll(async () => {
  stack = await makeStack();
  await stack.up();
  agent = agentOf(stack);
  await agent.healthy();
});
afterAll(() => stack.remove());

const GENERATION = "20261129t0230";
const PASSPHRASE = "correct horse battery staple";
const done: string[] = [];
let label: string | undefined;

async function state(id: string): Promise<string> {
  const { status, body } = await send(stack, "GET", `/api/v1/jobs/${id}`);
  return status === 200 ? (JSON.parse(body) as { state: string }).state : String(status);
}

async function volumes(): Promise<string[]> {
  const { output } = await docker("volume", "ls", "--quiet", "--filter", `label=slipway.stack=${stack.name}`);
  return output.trim().split("\n").sort();
}

describe("a backup", () => {
  it("is made beside everything that runs, and is no change for Pulumi", async () => {
    for (const numbers of [
      [1, 2],
      [3, 4],
      [5, 6],
    ])
      done.push(await postJob(stack, "sum", { numbers }));
    done.push(await postJob(stack, "speech", { text: "This one will be restored." }));
    for (const id of done) expect((await finished(stack, id)).state).toBe("succeeded");
    const made = await agent.run<BackupRecord>("backup", "--full");
    // Whole, and not good yet: its key stands nowhere else.
    expect(made, made.output).toMatchObject({ code: EXIT.notGood, result: { type: "full", jobs: done.length } });
    label = made.result?.label;
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
    expect(await stack.pulumi("refresh", "--yes", "--expect-no-changes")).toMatchObject({ code: 0 });
  });

  it("is listed with what is in it", async () => {
    const { code, result } = await agent.run<ListResult>("list");
    expect(code).toBe(EXIT.good);
    const listed = result?.backups.find((backup) => backup.label === label);
    expect(listed).toMatchObject({ type: "full", jobs: done.length, repositories: ["local"], artifacts: { count: 1 } });
    expect(result?.key.isEscrowed).toBe(false);
  });

  it("is good once its key is kept elsewhere, and not before", async () => {
    expect((await agent.run("verify")).code).toBe(EXIT.notGood);
    const exported = await agent.say<EscrowResult>({ passphrase: PASSPHRASE }, "escrow", "export");
    expect(exported).toMatchObject({ code: EXIT.good, result: { isVerified: false } });
    const { sealed } = exported.result ?? {};
    const verified = await agent.say<EscrowResult>({ passphrase: PASSPHRASE, sealed }, "escrow", "verify");
    expect(verified).toMatchObject({ code: EXIT.good, result: { isVerified: true } });
    const { code, output } = await agent.run("verify");
    expect(code, output).toBe(EXIT.good);
  });
});

describe("a restore", () => {
  const waiting: string[] = [];

  it("fills a new volume, without a network, while the stack serves", async () => {
    const [worker = ""] = await stack.containers("worker-cpu");
    await docker("stop", worker);
    for (const numbers of [
      [7, 8],
      [9, 10],
    ])
      waiting.push(await postJob(stack, "sum", { numbers }));
    await agent.archived();
    const { code, output, result } = await restoreVolume<RestoreResult>(stack, GENERATION);
    expect(code, output).toBe(EXIT.good);
    expect(result).toMatchObject({ missingArtifacts: 0 });
    expect(result?.rows["jobs"]).toBe(done.length + waiting.length);
    expect((await send(stack, "GET", "/health/ready")).status).toBe(200);
  });

  it("takes over by a line in the stack's file: every job is there, and those not done are done", async () => {
    const before = await volumes();
    stack.configure({ data: { generation: GENERATION, kept: ["first"] } });
    await stack.up();
    const [worker = ""] = await stack.containers("worker-cpu");
    await docker("start", worker);
    for (const id of done) expect(await state(id), id).toBe("succeeded");
    for (const id of waiting) expect((await finished(stack, id)).state, id).toBe("succeeded");
    const added = (await volumes()).filter((name) => !before.includes(name));
    expect(added).toEqual([`slipway-${stack.name}-redis-${GENERATION}`]);
    expect(await volumes()).toEqual(expect.arrayContaining(before));
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
  });

  it("is backed up in its turn, by the same agent and key", async () => {
    await agent.healthy();
    const made = await agent.run<BackupRecord>("backup");
    expect(made.code, made.output).toBe(EXIT.good);
    const { code, output } = await agent.run("verify");
    expect(code, output).toBe(EXIT.good);
  });

  it("is refused a volume that no restore filled: Postgres does not begin there, and what was there goes on", async () => {
    stack.configure({ data: { generation: "empty", kept: ["first", GENERATION] }, healthTimeoutSeconds: 30 });
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(output).toContain("the volume of generation empty holds no whole cluster");
    stack.configure({ data: { generation: GENERATION, kept: ["first"] } });
    await stack.up();
    for (const id of [...done, ...waiting]) expect(await state(id), id).toBe("succeeded");
  });
});

describe("destroy", () => {
  it("leaves no volume of any generation, and no backup", async () => {
    expect(await stack.pulumi("destroy", "--yes", "--skip-preview")).toMatchObject({ code: 0 });
    expect(await volumes()).toEqual([""]);
    const { output } = await docker("ps", "--all", "--quiet", "--filter", `label=slipway.stack=${stack.name}`);
    expect(output).toBe("");
  });
});
