import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BackupRecord, DrillResult, ListResult, RestoreResult, VerifyResult } from "../../backup/protocol.ts";
import { createRandom } from "../chaos/random.ts";
import { runProgram, until, type RunningProgram } from "../servers/programs.ts";
import { startWorld, type BackupWorld } from "./world.ts";

const SEED = Number(process.env["DRILL_SEED"] ?? Date.now() % 1_000_000);
/** Longest time until a kill at a random moment, in milliseconds: about as long as one runs. */
const LONGEST_MS = 4000;
const ROWS = 20_000;

/** When a process is killed: once it says that a step has begun, once a file is there, or at any moment. */
interface Kill {
  readonly name: string;
  readonly when: (started: RunningProgram, data: string) => Promise<unknown>;
}

const random = createRandom(SEED);
let world: BackupWorld;
let client: Client;
/** Labels of every backup that was good once. */
const good: string[] = [];

beforeAll(async () => {
  world = await startWorld({ hasOffsite: true });
  await world.escrow();
  for (let number = 0; number < 20; number += 1) writeArtifact(number);
  client = await world.connect();
  await client.query(
    `CREATE TABLE notes AS SELECT id, repeat(md5(id::text), 10) AS text FROM generate_series(1, ${ROWS}) AS id`,
  );
});

afterAll(async () => {
  await client.end();
  await world.close();
});

function writeArtifact(number: number): void {
  const path = join(world.folder, "objects", "artifacts", "aa", `${number}.wav`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `speech ${number} `.repeat(10_000));
  runProgram(["chmod", "-R", "a+rX", join(world.folder, "objects")]);
}

/** Whole runs take some seconds, and a busy machine takes long for the last steps. */
const STEP_WITHIN_MS = 120_000;

/** Waits for what comes before a kill; one that has ended by then was not killed, and the test would show nothing. */
async function during(what: string, started: RunningProgram, isSo: () => boolean): Promise<void> {
  let hasEnded = false;
  void started.ended.then(() => (hasEnded = true));
  await until(what, () => isSo() || hasEnded, STEP_WITHIN_MS);
  if (!isSo()) throw new Error(`it ended before ${what}: ${started.output().slice(-2000)}`);
}

function atStep(step: string): Kill {
  const text = `"step":"${step}"`;
  return {
    name: `in the step ${step}`,
    when: (started) => during(`the step ${step}`, started, () => started.output().includes(text)),
  };
}

/** The note of what was restored is written last of all, before the folder gets its name. */
const atTheEnd: Kill = {
  name: "between the note and the name",
  when: (started, data) => during("the note", started, () => existsSync(`${data}.restored.json`)),
};

function atAnyMoment(number: number): Kill {
  const delay = random.whole(0, LONGEST_MS);
  return { name: `after ${delay} ms (${number})`, when: (started) => Promise.race([sleep(delay), started.ended]) };
}

/** Kills the agent as nothing can be caught: what it started has to end too. */
async function killed(args: readonly string[], { when }: Kill, data = world.data): Promise<void> {
  const started = world.startAgent(args, { POSTGRES_DATA_DIR: data });
  await when(started, data);
  await started.stop("SIGKILL");
}

/** Nothing that was good is less so, and nothing that is not whole looks good. */
async function expectOldOnesGood(): Promise<void> {
  const { last, log } = await world.agent(["verify"]);
  const { sets, faults } = (last.result ?? { sets: [], faults: [log] }) as VerifyResult;
  expect(faults.filter((fault) => !fault.startsWith("missing: repository: there is no backup"))).toEqual([]);
  const bad = sets.filter((set) => set.faults.length > 0);
  expect(bad.filter(({ label }) => good.includes(label))).toEqual([]);
  // Of one that was killed, parts are not there yet; what is there is whole.
  const begun = /^(unfinished|missing): (local|offsite): /;
  expect(bad.flatMap((set) => set.faults).filter((fault) => !begun.test(fault))).toEqual([]);
  const whole = sets.filter((set) => set.faults.length === 0).map(({ label }) => label);
  for (const label of whole) if (!good.includes(label)) good.push(label);
}

describe(`a backup that is killed is made by the next one (seed ${SEED})`, () => {
  const steps = ["postgres", "postgres offsite", "redis", "artifacts", "offsite"];
  const kills = [...steps.map(atStep), atAnyMoment(1)];

  test.for(kills)("$name", async (kill) => {
    writeArtifact(random.whole(100, 999));
    await killed(["backup"], kill);
    await expectOldOnesGood();
    const again = await world.agent(["backup"]);
    expect(again.code, again.log.slice(-3000)).toBe(0);
    const made = again.last.result as BackupRecord;
    expect(made).toMatchObject({ faults: [], repositories: ["local", "offsite"] });
    good.push(made.label);
  });

  test("and at last every one of them is good", async () => {
    const whole = await world.agent(["verify"]);
    expect(whole.code, JSON.stringify(whole.last)).toBe(0);
    const labels = (whole.last.result as VerifyResult).sets.map(({ label }) => label);
    expect(labels).toEqual(expect.arrayContaining(good));
    expect(labels.length).toBeGreaterThanOrEqual(kills.length);
  });
});

const RESTORE_STEPS = ["postgres", "recovery", "contents", "smoke job", "checksums"];

describe(`a restore that is killed is completed by the next one (seed ${SEED})`, () => {
  const kills = [...RESTORE_STEPS.map(atStep), atTheEnd, atAnyMoment(2)];

  test.for(kills.map((kill, number) => ({ ...kill, number })))("$name", async ({ number, ...kill }) => {
    const above = join(world.folder, `killed-${number}`);
    const data = join(above, "data");
    const to = good.at(-1) ?? "";
    await killed(["restore", "--to", to], kill, data);
    // What is there under the name is whole, or nothing is.
    const there = existsSync(data) ? readdirSync(data) : [];
    if (there.length > 0) expect(there).toContain("PG_VERSION");
    const again = await world.agent(["restore", "--to", to], { POSTGRES_DATA_DIR: data });
    expect(again.code, again.log.slice(-3000)).toBe(0);
    expect((again.last.result as RestoreResult).rows["notes"]).toBe(ROWS);
    await expectSame(data);
    rmSync(above, { recursive: true, force: true });
  });
});

describe("a drill that is killed leaves nothing that the next one does not remove", () => {
  test.for(RESTORE_STEPS.map(atStep))("$name", async (kill) => {
    await killed(["drill"], kill);
    const { last } = await world.agent(["list"]);
    const listed = (last.result as ListResult).backups.filter(({ faults }) => faults.length === 0);
    expect(listed.map(({ label }) => label)).toEqual(expect.arrayContaining(good));
    const again = await world.agent(["drill"]);
    expect(again.code, again.log.slice(-3000)).toBe(0);
    expect((again.last.result as DrillResult).rows["notes"]).toBe(ROWS);
    expect(existsSync(join(world.repository, "drill"))).toBe(false);
  });
});

async function expectSame(data: string): Promise<void> {
  const sum = "SELECT md5(string_agg(id || text, ',' ORDER BY id)) AS sum FROM notes";
  const restored = await world.open(data);
  try {
    expect((await restored.client.query(sum)).rows).toEqual((await client.query(sum)).rows);
  } finally {
    await restored.close();
  }
}
