import { afterAll, beforeAll, expect, it } from "vitest";
import { startStack, type TestStack } from "../test/servers/stack.ts";
import type { BackupRecord, DrillResult } from "./protocol.ts";
import { drillFault, lastDrill, recordBackup, recordDrill } from "./records.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

const backup: BackupRecord = {
  ...{
    label: "20261129-023000F",
    type: "full",
    startedAt: "2026-11-29T02:30:00.000Z",
    endedAt: "2026-11-29T02:31:00.000Z",
  },
  ...{
    databaseBytes: 5_000_000_000_000,
    addedBytes: 10,
    artifacts: { count: 3, bytes: 30, addedBytes: 9 },
    redisBytes: 7,
  },
  ...{ migrationLevel: 3, jobs: 12, keyId: "0123456789abcdef", repositories: ["local"], faults: ["missing: offsite"] },
};

it("notes a backup once, as it was last seen, as the role of the services", async () => {
  await recordBackup(stack.pool, backup);
  await recordBackup(stack.pool, { ...backup, repositories: ["local", "offsite"], faults: [] });
  const { rows } = await stack.pool.query("SELECT * FROM backups");
  expect(rows).toEqual([
    expect.objectContaining({
      ...{
        label: backup.label,
        type: "full",
        started_at: new Date(backup.startedAt),
        jobs: "12",
        key_id: backup.keyId,
      },
      ...{ database_bytes: "5000000000000", artifacts: "3", repositories: ["local", "offsite"], faults: [] },
    }),
  ]);
});

it("notes drills, and gives the newest that went well, and why the newest did not", async () => {
  expect([await lastDrill(stack.pool), await drillFault(stack.pool)]).toEqual([undefined, undefined]);
  const result: DrillResult = {
    ...{ label: backup.label, target: "latest", migrationLevel: 3, rows: { jobs: 12 }, recoverySeconds: 8 },
    ...{ totalSeconds: 11.5, missingArtifacts: 0, rtoSeconds: 11.5, rpoSeconds: 30.25 },
  };
  const at = (minute: number) => new Date(Date.UTC(2026, 10, 29, 3, minute));
  await recordDrill(stack.pool, { outcome: "succeeded", startedAt: at(0), endedAt: at(1), result });
  expect(await drillFault(stack.pool)).toBeUndefined();
  await recordDrill(stack.pool, { outcome: "failed", startedAt: at(2), endedAt: at(3), faults: ["damaged: x"] });
  expect(await drillFault(stack.pool)).toBe("damaged: x");
  expect(await lastDrill(stack.pool)).toEqual({ endedAt: at(1), rtoSeconds: 11.5, rpoSeconds: 30.25 });
  const { rows } = await stack.pool.query("SELECT outcome, rto_seconds, faults FROM drills ORDER BY id");
  expect(rows).toEqual([
    { outcome: "succeeded", rto_seconds: 11.5, faults: [] },
    { outcome: "failed", rto_seconds: null, faults: ["damaged: x"] },
  ]);
});
