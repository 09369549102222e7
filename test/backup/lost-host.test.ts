import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BackupRecord, ListResult, RestoreResult, VerifyResult } from "../../backup/protocol.ts";
import { startWorld, type BackupWorld } from "./world.ts";

/** What a lost host leaves: the repository elsewhere. Everything else is made anew, but for the key. */
let world: BackupWorld;
let label: string;
beforeAll(async () => {
  const lost = await startWorld({ hasOffsite: true });
  await lost.escrow();
  const client = await lost.connect();
  await client.query("CREATE TABLE notes AS SELECT id FROM generate_series(1, 1000) AS id");
  await client.end();
  const made = await lost.agent(["backup", "--full"]);
  expect(made.code, made.log.slice(-3000)).toBe(0);
  label = (made.last.result as BackupRecord).label;
  await lost.stopServing();
  world = await startWorld({ hasOffsite: true, offsiteFrom: join(lost.folder, "offsite") });
  await lost.close();
});
afterAll(() => world.close());

test("a cluster that is new beside backups of a lost one writes into no repository, and says what brings them back", async () => {
  const { code, last } = await world.agent(["backup"]);
  expect(code).toBe(1);
  expect(last.message).toMatch(/The offsite repository has backups of the cluster \d+.*restore --to latest/);
  const { backups } = (await world.agent(["list"])).last.result as ListResult;
  expect(backups.map(({ label: one, repositories }) => [one, repositories])).toEqual([[label, ["offsite"]]]);
});

test("what comes back is backed up in both, and is good", async () => {
  const data = join(world.folder, "restored", "data");
  const place = { POSTGRES_DATA_DIR: data };
  const restored = await world.agent(["restore", "--to", "latest"], place);
  expect(restored.code, restored.log.slice(-3000)).toBe(0);
  expect((restored.last.result as RestoreResult).rows["notes"]).toBe(1000);
  await world.stopServing();
  await world.serve(data);
  const made = await world.agent(["backup", "--full"], place);
  expect(made.code, made.log.slice(-3000)).toBe(0);
  expect(made.last.result).toMatchObject({ repositories: ["local", "offsite"], faults: [] });
  const { label: next } = made.last.result as BackupRecord;
  const { sets, faults } = (await world.agent(["verify", next], place)).last.result as VerifyResult;
  expect([...faults, ...sets.flatMap((set) => set.faults)]).toEqual([]);
});
