import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BackupRecord } from "../../backup/protocol.ts";
import { freePort, runProgram, until, type RunningProgram } from "../servers/programs.ts";
import { startWorld, type BackupWorld } from "./world.ts";

const DISK_MIB = 24;

let world: BackupWorld;
let client: Client;
let disk: string;

/** A disk of its own that is soon full; only root may mount one. */
beforeAll(async () => {
  disk = mkdtempSync(join(tmpdir(), "slipway-disk-"));
  runProgram(["mount", "-t", "tmpfs", "-o", `size=${DISK_MIB}m`, "tmpfs", disk]);
  const repository = join(disk, "repository");
  mkdirSync(repository);
  world = await startWorld({ repository });
  client = await world.connect();
  await world.escrow();
  const made = await world.agent(["backup", "--full"]);
  expect(made.code, made.log.slice(-2000)).toBe(0);
  await client.query("CREATE TABLE notes (id bigint PRIMARY KEY, text text)");
});

afterAll(async () => {
  await client.end();
  await world.close();
  runProgram(["umount", disk]);
  rmSync(disk, { recursive: true });
});

/** Writes rows that are not pressed small, and gives the segment away. */
async function writeSome(from: number): Promise<void> {
  await client.query(
    "INSERT INTO notes SELECT id, md5(random()::text) || md5(random()::text) FROM generate_series($1::bigint, $1::bigint + 4999) AS id",
    [from],
  );
  await client.query("SELECT pg_switch_wal()");
}

async function archiver(): Promise<{ readonly failed: number; readonly last: string }> {
  const { rows } = await client.query<{ failed: number; last: string }>(
    "SELECT failed_count::int AS failed, coalesce(last_archived_wal, '') AS last FROM pg_stat_archiver",
  );
  return rows[0] ?? { failed: 0, last: "" };
}

async function count(): Promise<number> {
  const { rows } = await client.query<{ count: number }>("SELECT count(*)::int AS count FROM notes");
  return rows[0]?.count ?? 0;
}

/** What the agent that serves says of itself. */
interface Served {
  readonly live: number;
  readonly ready: number;
  readonly warnings: readonly string[];
  readonly metrics: ReadonlyMap<string, number>;
}

/** Starts the agent as its container does, and asks it once it has looked around. */
async function askServing(): Promise<Served> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const serving = world.startAgent(["serve"], { HOST: "127.0.0.1", PORT: String(port) });
  try {
    let metrics = new Map<string, number>();
    await until(
      "the agent has looked around",
      async () => {
        metrics = await metricsOf(url);
        return metrics.has("slipway_backup_repository_free_bytes");
      },
      90_000,
    );
    const [live, ready] = [await fetch(`${url}/health/live`), await fetch(`${url}/health/ready`)];
    const { warnings } = (await ready.json()) as { warnings: { dependency: string }[] };
    return { live: live.status, ready: ready.status, warnings: warnings.map(({ dependency }) => dependency), metrics };
  } finally {
    await ended(serving);
  }
}

async function ended(serving: RunningProgram): Promise<void> {
  expect(await serving.stop("SIGTERM"), serving.output().slice(-2000)).toBe(0);
}

/** Values without labels. */
async function metricsOf(url: string): Promise<Map<string, number>> {
  const page = await fetch(`${url}/metrics`).then(
    (answer) => answer.text(),
    () => "",
  );
  const lines = page.split("\n").filter((line) => /^slipway_backup_\w+ /.test(line));
  return new Map(lines.map((line) => [line.split(" ")[0] ?? "", Number(line.split(" ")[1])]));
}

/** The alert of docs/backups.md. */
function isDiskFull({ metrics }: Served): boolean {
  const bytes = (name: string) => metrics.get(`slipway_backup_repository_${name}_bytes`) ?? NaN;
  return bytes("free") / bytes("total") < 0.1;
}

test("a full disk of the repository stops neither the database nor, once there is room, the next backup", async () => {
  const ballast = join(disk, "ballast");
  expect(() => {
    writeFileSync(ballast, Buffer.alloc(DISK_MIB * 1024 * 1024));
  }).toThrow(/ENOSPC/);
  await writeSome(0);
  await until("archiving fails", async () => (await archiver()).failed > 0, 90_000);
  await writeSome(5000);
  expect(await count()).toBe(10_000);

  const refused = await world.agent(["backup"]);
  expect({ code: refused.code, event: refused.last.event }).toEqual({ code: 1, event: "failure" });
  expect(refused.last.message).toMatch(/No space left on device|WAL does not reach the repository/i);
  expect(refused.last.message).toMatch(/room/);
  await writeSome(10_000);

  const alarmed = await askServing();
  expect(alarmed).toMatchObject({ live: 200, ready: 200 });
  expect(alarmed.warnings).toContain("repository full");
  expect(isDiskFull(alarmed)).toBe(true);
  expect(alarmed.metrics.get("slipway_backup_warnings")).toBeGreaterThan(0);

  rmSync(ballast);
  const made = await world.agent(["backup"]);
  expect(made.code, made.log.slice(-3000)).toBe(0);
  expect((made.last.result as BackupRecord).faults).toEqual([]);
  const whole = await world.agent(["verify"]);
  expect(whole.code, JSON.stringify(whole.last)).toBe(0);
  const calm = await askServing();
  expect({ warnings: calm.warnings, isFull: isDiskFull(calm) }).toEqual({ warnings: [], isFull: false });

  const data = join(world.folder, "restored", "data");
  const restored = await world.agent(["restore", "--to", "latest"], { POSTGRES_DATA_DIR: data });
  expect(restored.code, restored.log.slice(-3000)).toBe(0);
  expect(restored.last.result).toMatchObject({ rows: { notes: 15_000 } });
});
