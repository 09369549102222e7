import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {
  BackupRecord,
  DrillResult,
  ListResult,
  RestorePlan,
  RestoreResult,
  VerifyResult,
} from "../../backup/protocol.ts";
import { freePort, until } from "../servers/programs.ts";
import { archived, currentSegment, segmentIsArchived } from "./archived.ts";
import { nowOf } from "./load.ts";
import { startWorld, type BackupWorld } from "./world.ts";

let world: BackupWorld;

beforeAll(async () => {
  // Postgres ends no segment by itself meanwhile: whoever wants one ended says so.
  world = await startWorld({ settings: ["archive_timeout=1h"] });
});

afterAll(() => world.close());

/** What a command answers that must end well. */
async function ask<T>(args: readonly string[], data = world.data, exit = 0): Promise<T> {
  const { code, last, log } = await world.agent(args, { POSTGRES_DATA_DIR: data });
  expect({ code, event: last.event }, log.slice(-4000)).toEqual({ code: exit, event: "result" });
  return last.result as T;
}

async function serveFrom(data: string): Promise<Client> {
  await world.stopServing();
  await world.serve(data);
  return world.connect();
}

async function notesOf(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ text: string }>("SELECT text FROM notes ORDER BY at");
  return rows.map(({ text }) => text);
}

/** One more, and it is in the archive with everything before it. */
async function note(client: Client, text: string): Promise<void> {
  await client.query("INSERT INTO notes (text) VALUES ($1)", [text]);
  await archived(client);
}

test("no backup is good before the key is kept elsewhere, and every one is after that", async () => {
  const before = await ask<VerifyResult>(["verify"], world.data, 3);
  expect(before.faults).toEqual([
    expect.stringMatching(/^key-not-escrowed: .*run slipway keys export/),
    expect.stringMatching(/^missing: repository: there is no backup/),
  ]);
  const first = await ask<BackupRecord>(["backup", "--full"], world.data, 3);
  expect(first.faults).toEqual([expect.stringMatching(/^key-not-escrowed/)]);
  await world.escrow();
  const second = await ask<BackupRecord>(["backup"]);
  expect(second).toMatchObject({ type: "incr", faults: [], repositories: ["local"] });
  const { backups, key } = await ask<ListResult>(["list"]);
  expect(key.isEscrowed).toBe(true);
  expect(backups.map(({ label, faults }) => ({ label, faults }))).toEqual([
    { label: first.label, faults: [] },
    { label: second.label, faults: [] },
  ]);
});

test("a backup is restored to a moment, serves from there, and is backed up and restored again", async () => {
  const client = await world.connect();
  await client.query("CREATE TABLE notes (at timestamptz DEFAULT clock_timestamp(), text text)");
  await note(client, "one");
  const moment = await nowOf(client);
  await note(client, "two");
  await client.end();

  expect(await ask<RestorePlan>(["plan", "--to", moment])).toMatchObject({ jobsLost: 0, jobsAgain: 0 });
  const second = join(world.folder, "second", "data");
  const done = await ask<RestoreResult>(["restore", "--to", moment], second);
  expect(done).toMatchObject({ missingArtifacts: 0, rows: { notes: 1 } });
  // Asked again, it tells what it did, and does nothing.
  expect(await ask<RestoreResult>(["restore", "--to", moment], second)).toEqual(done);

  const restored = await serveFrom(second);
  expect(await notesOf(restored)).toEqual(["one"]);
  await note(restored, "two again");
  await restored.end();
  const { sets, faults } = await ask<VerifyResult>(["verify"], second);
  expect([...faults, ...sets.flatMap((set) => set.faults)]).toEqual([]);
  const drilled = await ask<DrillResult>(["drill"], second);
  expect(drilled.rows["notes"]).toBe(2);
  expect(drilled.rtoSeconds).toBeGreaterThan(0);

  const third = join(world.folder, "third", "data");
  await ask<RestoreResult>(["restore", "--to", "latest"], third);
  const newest = await serveFrom(third);
  expect(await notesOf(newest)).toEqual(["one", "two again"]);
  expect((await newest.query("SELECT timeline_id FROM pg_control_checkpoint()")).rows).toEqual([{ timeline_id: 3 }]);
  await newest.end();
});

test("who goes back to the cluster of before finds its state by latest as soon as the agent is ready", async () => {
  const asked = await serveFrom(world.data);
  const segment = await currentSegment(asked);
  // A repository knows the second of an arrival: of two in one nobody can tell which came first.
  await sleep(1100);
  const port = await freePort();
  const serving = world.startAgent(["serve"], { HOST: "127.0.0.1", PORT: String(port), POSTGRES_DATA_DIR: world.data });
  try {
    await until("the agent is ready", async () =>
      fetch(`http://127.0.0.1:${port}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    // Nobody but the agent has ended it; what archives does so on its own time.
    await segmentIsArchived(asked, segment);
    await asked.end();
    const again = join(world.folder, "again", "data");
    expect(await ask<RestoreResult>(["restore", "--to", "latest"], again)).toMatchObject({ rows: { notes: 2 } });
  } finally {
    await serving.stop("SIGTERM");
  }
  const client = await serveFrom(join(world.folder, "again", "data"));
  expect(await notesOf(client)).toEqual(["one", "two"]);
  await client.end();
});
