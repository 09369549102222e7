import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import {
  EXIT,
  type BackupRecord,
  type DrillResult,
  type ListResult,
  type RestorePlan,
  type VerifyResult,
} from "../../backup/protocol.ts";
import { POSTGRES_UID } from "../../infra/postgres-image.ts";
import type { Generations } from "../../ops/generations.ts";
import type { Restored } from "../../ops/restore-run.ts";
import { findLeaks, type Place } from "./canary.ts";
import { finished, postJob, send, startLoad, type Target } from "./client.ts";
import { makeOpsStack, type OpsStack } from "./ops-stack.ts";
import { spoken, type Spoken } from "./running.ts";
import { docker } from "./stack.ts";

/** Backups and restores by `./slipway`, as somebody types it, on the real engine. */
let stack: OpsStack;
let to: Target;
let folder: string;
/** Everything that was printed, and what the engine showed meanwhile: no secret must be in it. */
const places: Place[] = [];
let secrets: Readonly<Record<string, string>>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-elsewhere-"));
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "passphrase"), "correct horse battery staple\n", { mode: 0o600 });
  const offsite = join(folder, "offsite");
  mkdirSync(offsite);
  chownSync(offsite, POSTGRES_UID, POSTGRES_UID);
  stack = await makeOpsStack(`  slipway:backup: { offsite: { folder: ${offsite} } }\n`);
  await stack.up();
  // A job that the clock makes would count among those that a restore loses.
  await stack.sql("UPDATE schedules SET paused = true");
  to = { url: stack.url, token: await stack.token(12) };
  secrets = { ...(await secretsOf("backup")), ...(await secretsOf("postgres")) };
});
afterAll(async () => {
  await stack.remove();
  rmSync(folder, { recursive: true });
});

async function secretsOf(service: string): Promise<Record<string, string>> {
  const script = 'cd "$SECRETS_DIR" && for f in *; do [ -f "$f" ] && echo "$f $(cat "$f")"; done';
  const { output } = await docker("exec", await container(service), "sh", "-c", script);
  return Object.fromEntries(
    output
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string]),
  );
}

async function container(service: string): Promise<string> {
  const [name = ""] = await stack.containers(service);
  return name;
}

/** Types a command, with --json. */
async function slipway<T>(...words: string[]): Promise<Spoken<T>> {
  const said = await spoken<T>(stack.slipway(...words, "--json"));
  places.push({ name: words.join(" "), content: said.text });
  return said;
}

/** Backs up once the agent is at nothing of its own. */
async function backUp(...words: string[]): Promise<Spoken<BackupRecord>> {
  for (;;) {
    const made = await slipway<BackupRecord>("backup", ...words);
    if (made.code !== EXIT.busy) return made;
    await sleep(500);
  }
}

async function volumes(): Promise<string[]> {
  const { output } = await docker("volume", "ls", "--quiet", "--filter", `label=slipway.stack=${stack.name}`);
  return output.trim().split("\n").sort();
}

async function inspectAll(): Promise<void> {
  const { output } = await docker("inspect", ...(await stack.containers()));
  places.push({ name: "docker inspect", content: output });
}

/** Waits until everything that was committed is in the repository. */
async function archived(): Promise<void> {
  const segment = await stack.sql("SELECT pg_walfile_name(pg_switch_wal())");
  while ((await stack.sql("SELECT last_archived_wal FROM pg_stat_archiver")) < segment) await sleep(200);
}

const artifactOf = async (id: string) => (await send(to, "GET", `/api/v1/jobs/${id}/artifact`)).status;

let speech: string;
/** The smoke check of `make up` has made some too. */
let artifacts: number;

describe("backups", () => {
  it("are not good before the key is kept elsewhere, and are after that", async () => {
    speech = await postJob(to, "speech", { text: "This one is swept away." });
    expect((await finished(to, speech)).state).toBe("succeeded");
    expect((await slipway("verify")).code).toBe(3);
    const key = join(folder, "key");
    const passphrase = ["--passphrase-file", join(folder, "passphrase")];
    expect(await slipway("keys", "export", "--to", key, ...passphrase)).toMatchObject({ code: 0 });
    expect(await slipway("keys", "verify", "--from", key, ...passphrase)).toMatchObject({
      ...{ code: 0, result: { isVerified: true } },
    });
  });

  it("are made, listed, verified and drilled", async () => {
    const made = await backUp("--full");
    expect(made, made.text).toMatchObject({ code: 0, result: { type: "full", faults: [] } });
    artifacts = made.result.artifacts.count;
    expect(artifacts).toBeGreaterThan(0);
    const listed = await slipway<ListResult>("backups");
    expect(listed.result.backups.map(({ label }) => label)).toContain(made.result.label);
    expect(listed.result.key.isEscrowed).toBe(true);
    const verified = await slipway<VerifyResult>("verify", made.result.label);
    expect(verified).toMatchObject({ code: 0, result: { faults: [], sets: [{ faults: [] }] } });
    const drilled = await slipway<DrillResult>("drill");
    expect(drilled.code, drilled.text).toBe(0);
    expect(drilled.result.rtoSeconds).toBeGreaterThan(0);
    // None of it is a change for Pulumi.
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
    expect(await stack.pulumi("refresh", "--yes", "--expect-no-changes")).toMatchObject({ code: 0 });
  });

  it("are refused with the exit code of usage where the command is wrong", async () => {
    expect((await stack.slipway("verify", "yesterday").ended).code).toBe(2);
    expect((await stack.slipway("restore", "--to", "yesterday").ended).code).toBe(2);
  });
});

describe("a restore to a moment", () => {
  let moment: string;
  let unfinished: readonly string[];
  let lost: string;
  let before: { readonly volumes: string[]; readonly file: string };

  it("without --yes says in minutes and jobs what would be lost, and changes nothing", async () => {
    const worker = await container("worker-cpu");
    await docker("stop", worker);
    const sums = [1, 2, 3].map((number) => postJob(to, "sum", { numbers: [number, 1] }));
    unfinished = await Promise.all(sums);
    await sleep(1100);
    moment = new Date().toISOString();
    await sleep(1100);
    await docker("start", worker);
    lost = await postJob(to, "sum", { numbers: [1, 2] });
    for (const id of [...unfinished, lost]) expect((await finished(to, id)).state).toBe("succeeded");
    await docker("exec", worker, "find", "/var/lib/slipway/objects/artifacts", "-type", "f", "-delete");
    expect(await artifactOf(speech)).not.toBe(200);
    await archived();
    before = { volumes: await volumes(), file: stack.file() };
    const planned = await slipway<{ plan: RestorePlan }>("restore", "--to", moment);
    expect(planned.code, planned.text).toBe(0);
    expect(planned.result.plan).toMatchObject({ jobsLost: 1, jobsAgain: unfinished.length });
    expect(planned.result.plan.lostSeconds).toBeGreaterThan(0);
    const { output } = await stack.slipway("restore", "--to", moment).ended;
    expect(output).toMatch(/go back .*(s|min): nothing that was written since is in it/);
    expect(output).toMatch(/lose .*1 job accepted since/);
    expect({ volumes: await volumes(), file: stack.file() }).toEqual(before);
  });

  it("that is interrupted leaves the old generation serving, and nothing else", async () => {
    const running = stack.slipway("restore", "--to", moment, "--yes");
    await running.printed("postgres");
    await inspectAll();
    running.interrupt();
    const { code, output } = await running.ended;
    places.push({ name: "an interrupted restore", content: output });
    expect(code, output).toBe(130);
    expect(output).toContain("the generation first serves on");
    expect({ volumes: await volumes(), file: stack.file() }).toEqual(before);
    expect((await send(to, "GET", "/health/ready")).status).toBe(200);
    expect(await stack.containers("restore")).toEqual([]);
  });

  it("does every job that was not finished then, brings artifacts back, and keeps what served before", async () => {
    const load = startLoad(to, 1);
    const { code, text, result } = await slipway<Restored>("restore", "--to", moment, "--yes");
    await load.stop();
    expect(code, text).toBe(0);
    expect(result).toMatchObject({ before: "first", volumeBefore: `slipway-${stack.name}-postgres` });
    expect(result.broughtBack).toMatchObject({ artifacts, missing: 0 });
    expect(await volumes()).toEqual(expect.arrayContaining([...before.volumes, result.volume]));
    for (const id of unfinished) expect((await finished(to, id)).state, id).toBe("succeeded");
    expect((await send(to, "GET", `/api/v1/jobs/${lost}`)).status).toBe(404);
    expect(await artifactOf(speech)).toBe(200);
    expect(await stack.containers("restore-artifacts")).toEqual([]);
    // What came back is the worker's, as what it wrote itself.
    const owners = ["exec", await container("worker-cpu"), "find", "/var/lib/slipway/objects/artifacts", "-printf"];
    const { output } = await docker(...owners, "%u:%g:%m\\n");
    expect(new Set(output.trim().split("\n"))).toEqual(new Set(["slipway:10010:2750", "slipway:10010:640"]));
    await inspectAll();
    expect((await backUp()).code).toBe(0);
  });

  it("is taken back, and what was restored is forgotten", async () => {
    const back = await slipway<Generations & { generation: string }>("restore", "--back", "--yes");
    expect(back.code, back.text).toBe(0);
    expect(back.result.generation).toBe("first");
    expect((await finished(to, lost)).state).toBe("succeeded");
    const [generation = ""] = back.result.kept;
    await expectKept(generation);
    const forgotten = await slipway<Generations>("restore", "--forget", generation, "--yes");
    expect(forgotten, forgotten.text).toMatchObject({ code: 0, result: { current: "first", kept: [] } });
    expect(await volumes()).toEqual(before.volumes);
  });
});

function writeData(data: object, more: object = {}): void {
  const { config, ...rest } = parse(stack.file()) as { config: Record<string, unknown> };
  stack.write(stringify({ ...rest, config: { ...config, "slipway:data": data, ...more } }));
}

describe("a generation that no restore filled", () => {
  it("is refused: Postgres does not begin there, and what served is there again with the next deploy", async () => {
    const file = stack.file();
    writeData({ generation: "empty", kept: ["first"] }, { "slipway:healthTimeoutSeconds": 30 });
    const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(output).toContain("the volume of generation empty holds no whole cluster");
    stack.write(file);
    const back = await stack.pulumi("up", "--yes", "--skip-preview");
    expect(back.code, back.output).toBe(0);
    expect((await finished(to, speech)).state).toBe("succeeded");
  });
});

/** A deploy of a file that names a generation no more would delete its volumes: it stops, and says what to call if that is meant. */
async function expectKept(generation: string): Promise<void> {
  const file = stack.file();
  const there = await volumes();
  stack.write(file.replace(/^ +- .*\n/gm, "").replace(/^( +)kept:.*$/m, "$1kept: []"));
  const refused = await stack.up().then(
    () => "nothing was refused",
    (error: unknown) => String(error),
  );
  stack.write(file);
  expect(refused).toContain(`postgres-${generation} (docker:index/volume:Volume) would be deleted`);
  expect(refused).toContain(`make up STACK=${stack.name} ALLOW='`);
  expect(await volumes()).toEqual(there);
}

it("no secret was printed, or shown by the engine", () => {
  expect(Object.keys(secrets)).toContain("backup-key");
  expect(findLeaks(secrets, places)).toEqual([]);
});

describe("a host that is lost", () => {
  it("comes back on another from the repository elsewhere, the exported key and the stack's file", async () => {
    const kept = await postJob(to, "sum", { numbers: [3, 4] });
    expect((await finished(to, kept)).state).toBe("succeeded");
    await archived();
    await stack.lose();
    // As after a restore: the file in git names a generation that the new host has not.
    writeData({ generation: "20261128t0230", kept: ["first"] });
    const words = ["keys", "import", "--from", join(folder, "key"), "--passphrase-file"] as const;
    writeFileSync(join(folder, "another"), "staple battery horse correct\n", { mode: 0o600 });
    const refused = await stack.slipway(...words, join(folder, "another")).ended;
    expect(refused).toMatchObject({ code: 3, output: expect.stringContaining("does not open") as string });
    const imported = await slipway(...words, join(folder, "passphrase"));
    expect(imported.code, imported.text).toBe(0);
    expect(stack.file()).not.toContain("20261128t0230");
    await stack.up();
    // Nothing is written there in the name of the empty cluster.
    const { output } = await stack.slipway("backup").ended;
    expect(output).toContain("./slipway restore --to latest");
    const { code, text, result } = await slipway<Restored>("restore", "--to", "latest", "--yes");
    expect(code, text).toBe(0);
    expect(result.broughtBack?.missing).toBe(0);
    to = { url: stack.url, token: await stack.token(12) };
    expect((await finished(to, kept)).state).toBe("succeeded");
    expect(await artifactOf(speech)).toBe(200);
    const made = await backUp("--full");
    expect(made.code, made.text).toBe(0);
  });
});

it("destroy leaves no volume of any generation, and no backup", async () => {
  const { code, output } = await stack.pulumi("destroy", "--yes", "--skip-preview");
  expect(code, output).toBe(0);
  expect(await volumes()).toEqual([""]);
  expect(await stack.containers()).toEqual([]);
});
