import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { startHealthServer } from "../jobs/health-server.ts";
import { freePort } from "../test/servers/programs.ts";
import type { Situation } from "./conditions.ts";
import { createBackupMetrics } from "./metrics.ts";
import type { BackupRecord } from "./protocol.ts";

const NOW = new Date("2026-11-30T02:30:00Z");
const backup: BackupRecord = {
  ...{ label: "20261129-023000F", type: "full", startedAt: "2026-11-29T02:30:00Z", endedAt: "2026-11-29T02:31:40Z" },
  ...{ databaseBytes: 5000, addedBytes: 300, artifacts: { count: 3, bytes: 30, addedBytes: 20 }, redisBytes: 7 },
  ...{ migrationLevel: 3, jobs: 12, keyId: "0123456789abcdef", repositories: ["local"], faults: [] },
};
const full: Situation = {
  backups: [
    { ...backup, label: "20261122-023000F", startedAt: "2026-11-22T02:30:00Z", faults: ["damaged: x"] },
    { ...backup, faults: ["key-not-escrowed: y"] },
    // Begun and never finished: no newest one.
    { ...backup, type: "incr", startedAt: "2026-11-30T02:29:00Z", keyId: "" },
  ],
  ...{ isEscrowed: false, archiveBehindSeconds: 4.5, room: { freeBytes: 60, totalBytes: 100 } },
  drill: { endedAt: new Date("2026-11-29T02:30:00Z"), rtoSeconds: 12.5, rpoSeconds: 30 },
  ...{ verifyFaults: ["damaged: x"], failed: new Map() },
};
const empty: Situation = { backups: [], isEscrowed: true, verifyFaults: [], failed: new Map() };

function metricsOf(situation: () => Situation) {
  return createBackupMetrics({ situation, running: () => "drill", warnings: () => 2, now: () => NOW });
}

it("shows age, size, duration, room, escrow, archive, drill and failures, and nothing that is not known", async () => {
  let situation = full;
  const metrics = metricsOf(() => situation);
  metrics.ended("full", 100);
  metrics.ended("drill", 0, "ENOSPC");
  const lines = (await metrics.page.text()).split("\n");
  for (const line of [
    `slipway_backup_last_success_timestamp_seconds{type="full"} ${Date.parse(backup.startedAt) / 1000}`,
    'slipway_backup_age_seconds{type="full"} 86400',
    'slipway_backup_duration_seconds{type="full"} 100',
    'slipway_backup_database_bytes{type="full"} 5000',
    'slipway_backup_added_bytes{type="full"} 327',
    "slipway_backup_sets 3",
    "slipway_backup_faulty_sets 1",
    "slipway_backup_verify_faults 1",
    "slipway_backup_key_escrowed 0",
    "slipway_backup_archive_behind_seconds 4.5",
    "slipway_backup_repository_free_bytes 60",
    "slipway_backup_repository_total_bytes 100",
    "slipway_backup_warnings 2",
    'slipway_backup_running{work="drill"} 1',
    'slipway_backup_running{work="full"} 0',
    "slipway_backup_drill_rto_seconds 12.5",
    "slipway_backup_drill_rpo_seconds 30",
    "slipway_backup_drill_age_seconds 86400",
    'slipway_backup_runs_total{work="full"} 1',
    'slipway_backup_last_run_seconds{work="full"} 100',
    'slipway_backup_failures_total{work="drill",reason="ENOSPC"} 1',
  ])
    expect(lines).toContain(line);
  expect(lines.filter((line) => line.includes('type="incr"'))).toEqual([]);
  situation = empty;
  const after = (await metrics.page.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  for (const name of ["age_seconds", "archive_behind_seconds", "repository_free_bytes", "drill_age_seconds"])
    expect(after.filter((line) => line.startsWith(`slipway_backup_${name}`))).toEqual([]);
  expect(after).toContain("slipway_backup_key_escrowed 1");
});

it("is what docs/metrics.md lists, and nothing else", async () => {
  const text = readFileSync(new URL("../docs/metrics.md", import.meta.url), "utf8");
  const part = text.split(/^## /m).find((one) => one.startsWith("Backup agent\n")) ?? "";
  const told = [...part.matchAll(/^\| `(\w+)` *\| (\w+) *\| ([^|]*?) *\|/gm)].map(([, name, type, labels = ""]) => [
    ...[name, type],
    (labels.match(/\w+/g) ?? []).sort().join(),
  ]);
  const metrics = metricsOf(() => full);
  metrics.ended("full", 1);
  metrics.ended("full", 1, "x");
  const shown = await metrics.page.text();
  const seen = [...shown.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = "", type]) => {
    const labels = new RegExp(`^${name}\\{(.*)\\} `, "m").exec(shown)?.[1] ?? "";
    return [
      name,
      type,
      [...labels.matchAll(/(\w+)="/g)]
        .map(([, label]) => label)
        .sort()
        .join(),
    ];
  });
  expect(told.sort()).toEqual(seen.sort());
});

it("stands beside the agent's health, which is ready with its warnings, and alive whatever fails", async () => {
  const address = { host: "127.0.0.1", port: await freePort() };
  let failing: { dependency: string; reason: string }[] = [];
  const warnings = [{ dependency: "drill late", reason: "a drill was due 30 h ago" }];
  const server = await startHealthServer(
    address,
    async () => failing,
    metricsOf(() => full).page,
    () => warnings,
  );
  try {
    const get = (path: string) => fetch(`http://127.0.0.1:${address.port}${path}`);
    const ready = await get("/health/ready");
    expect([ready.status, await ready.json()]).toEqual([200, { status: "ready", warnings }]);
    failing = [{ dependency: "repository", reason: "Postgres does not answer" }];
    expect((await get("/health/ready")).status).toBe(503);
    expect((await get("/health/live")).status).toBe(200);
    expect(await (await get("/metrics")).text()).toContain("slipway_backup_warnings 2");
  } finally {
    await server.close();
  }
});
