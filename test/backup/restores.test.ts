import { readdirSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RestoreResult } from "../../backup/protocol.ts";
import { STANZA } from "../../backup/pgbackrest-config.ts";
import { parseLsn, parseSegment, segmentName, segmentOf } from "../../backup/wal-segments.ts";
import { createRandom } from "../chaos/random.ts";
import { allEntries, oracleAt, startLoad, stateOf, type Entry, type Load } from "./load.ts";
import { startWorld, type BackupWorld } from "./world.ts";

/** How many; `make drill-long` asks for 50. */
const RESTORES = Number(process.env["DRILL_RESTORES"] ?? 20);
const SEED = Number(process.env["DRILL_SEED"] ?? Date.now() % 1_000_000);
/** At the same time: each mostly waits for a disk. */
const AT_ONCE = 2;
const RPO_SECONDS = 60;

let world: BackupWorld;
let load: Load;
const clients: Client[] = [];

beforeAll(async () => {
  world = await startWorld({ settings: ["track_commit_timestamp=on"] });
  for (let count = 0; count < 4; count += 1) clients.push(await world.connect());
  load = await startLoad(clients.slice(1), 40);
  await world.escrow();
});

afterAll(async () => {
  await load.stop();
  for (const client of clients) await client.end();
  await world.close();
});

/** The connection that asks, and does not write. */
function asking(): Client {
  const [client] = clients;
  if (!client) throw new Error("no connection");
  return client;
}

test(`${RESTORES} restores to random moments under write load bring the database of that moment (seed ${SEED})`, async () => {
  const random = createRandom(SEED);
  expect((await world.agent(["backup", "--full"])).code).toBe(0);
  const begun = Date.now();
  await sleep(4000);
  expect((await world.agent(["backup"])).code).toBe(0);
  const seconds: number[] = [];
  let next = 0;
  const restoreSome = async () => {
    for (let number = next++; number < RESTORES; number = next++)
      seconds.push(await restoreOnce(number, await randomMoment(random, begun)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, restoreSome));
  const rto = { least: Math.min(...seconds), most: Math.max(...seconds) };
  const rpo = await measureRpo();
  process.stdout.write(
    `seed ${SEED}: ${RESTORES} restores, ${load.committed()} transactions, RTO ${rto.least} to ${rto.most} s, RPO at most ${rpo} s\n`,
  );
  expect(rpo).toBeLessThanOrEqual(RPO_SECONDS);
});

interface Moment {
  readonly text: string;
  readonly kind: string;
}

/** Between two commits, at one to the microsecond, or one microsecond before one: all within what the archive holds by now. */
async function randomMoment(random: ReturnType<typeof createRandom>, since: number): Promise<Moment> {
  const entries = await archivedEntries(since);
  const entry = random.pick(entries);
  const [first, last] = [microseconds(entries[0]), microseconds(entries.at(-1))];
  const kind = random.pick(["between", "between", "at a commit", "just before a commit"]);
  if (kind === "at a commit") return { kind, text: entry.at };
  if (kind === "just before a commit") return { kind, text: textOf(microseconds(entry) - 1n) };
  return { kind, text: textOf(first + BigInt(Math.floor(random.next() * Number(last - first)))) };
}

async function archivedEntries(since: number): Promise<Entry[]> {
  for (;;) {
    const { rows } = await asking().query<{ last: string | null }>(
      "SELECT last_archived_wal AS last FROM pg_stat_archiver",
    );
    const last = rows[0]?.last ?? "";
    const entries = (await allEntries(asking())).filter(
      ({ at, position }) =>
        Date.parse(at) > since + 1000 && segmentName({ timeline: 1, number: segmentOf(parseLsn(position)) }) < last,
    );
    if (entries.length > 20) return entries;
    await sleep(500);
  }
}

async function restoreOnce(number: number, moment: Moment): Promise<number> {
  const above = join(world.folder, `restored-${number}`);
  const data = join(above, "data");
  const expected = await oracleAt(asking(), moment.text);
  const done = await world.agent(["restore", "--to", moment.text], { POSTGRES_DATA_DIR: data });
  expect(done.code, done.log.slice(-4000)).toBe(0);
  const result = done.last.result as RestoreResult;
  const restored = await world.open(data);
  try {
    const { id, noted, computed } = await stateOf(restored.client);
    expect({ moment, id, noted }).toEqual({ moment, id: expected?.id, noted: expected?.checksum });
    expect(computed).toBe(noted);
  } finally {
    await restored.close();
    rmSync(above, { recursive: true, force: true });
  }
  process.stdout.write(
    `${number + 1}. ${moment.text} (${moment.kind}): entry ${expected?.id ?? ""}, RTO ${result.totalSeconds} s\n`,
  );
  return result.totalSeconds;
}

/** The longest time that a commit was not in the archive yet: what a loss of the machine at the worst moment would have cost. */
async function measureRpo(): Promise<number> {
  const entries = await archivedEntries(0);
  const archived = archivedAt(join(world.repository, "pgbackrest", "archive", STANZA));
  const late = entries.map(({ at, position }) => (archived.get(segmentOf(parseLsn(position))) ?? 0) - Date.parse(at));
  return Math.max(...late) / 1000;
}

/** When each segment came, by its number. */
function archivedAt(folder: string): Map<number, number> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const times = files.flatMap((path): [number, number][] => {
    const segment = parseSegment(basename(path));
    return segment ? [[segment.number, statSync(join(folder, path)).mtimeMs]] : [];
  });
  return new Map(times);
}

function microseconds(entry: Entry | undefined): bigint {
  if (!entry) throw new Error("no entry");
  const [whole = "", fraction = ""] = entry.at.replace("Z", "").split(".");
  return BigInt(Date.parse(`${whole}Z`)) * 1000n + BigInt(fraction.padEnd(6, "0"));
}

function textOf(moment: bigint): string {
  const whole = new Date(Number(moment / 1_000_000n) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(moment % 1_000_000n).padStart(6, "0")}Z`;
}
