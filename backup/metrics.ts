import { Counter, Gauge, Registry } from "prom-client";
import type { MetricsPage } from "../jobs/health-server.ts";
import type { Situation } from "./conditions.ts";
import type { BackupRecord, BackupType } from "./protocol.ts";
import { WORKS, type Work } from "./timetable.ts";

/** What the metrics look at when they are asked for. */
export interface MetricsView {
  readonly situation: () => Situation;
  /** What runs now. */
  readonly running: () => Work | undefined;
  readonly warnings: () => number;
  readonly now: () => Date;
}

/** Metrics of the agent. What a restart must not forget comes from the repository and the database. */
export interface BackupMetrics {
  readonly page: MetricsPage;
  /** Counts a piece of work that ended. @param reason why it failed, in a word or two */
  ended(work: string, seconds: number, reason?: string): void;
}

const TYPES = ["full", "incr"] as const satisfies readonly BackupType[];

/** Makes the metrics of one agent, in a registry of their own. */
export function createBackupMetrics(view: MetricsView): BackupMetrics {
  const registry = new Registry();
  const runs = new Counter({
    name: "slipway_backup_runs_total",
    help: "Backups, drills, mirrors and verifications that went well",
    labelNames: ["work"],
    registers: [registry],
  });
  const failures = new Counter({
    name: "slipway_backup_failures_total",
    help: "Backups, drills, mirrors, verifications and looks that failed, by reason",
    labelNames: ["work", "reason"],
    registers: [registry],
  });
  const seconds = new Gauge({
    name: "slipway_backup_last_run_seconds",
    help: "How long the last one took that went well",
    labelNames: ["work"],
    registers: [registry],
  });
  addBackups(registry, view);
  addState(registry, view);
  addDrill(registry, view);
  return {
    page: { contentType: registry.contentType, text: () => registry.metrics() },
    ended: (work, took, reason) => {
      if (reason !== undefined) failures.inc({ work, reason });
      else {
        runs.inc({ work });
        seconds.set({ work }, took);
      }
    },
  };
}

const BACKUP_GAUGES = [
  ["last_success_timestamp_seconds", "Beginning of the newest backup", (b: BackupRecord) => startOf(b)],
  ["age_seconds", "Age of the newest backup", (b: BackupRecord, now: number) => now - startOf(b)],
  ["duration_seconds", "How long the newest backup took", (b: BackupRecord) => secondsOf(b.endedAt) - startOf(b)],
  ["database_bytes", "Bytes of the database in the newest backup", (b: BackupRecord) => b.databaseBytes],
  [
    "added_bytes",
    "Bytes that the newest backup added to the repository",
    (b: BackupRecord) => b.addedBytes + b.artifacts.addedBytes + b.redisBytes,
  ],
] as const;

function addBackups(registry: Registry, { situation, now }: MetricsView): void {
  for (const [name, help, value] of BACKUP_GAUGES)
    gauge(registry, `slipway_backup_${name}`, help, ["type"], (set) => {
      for (const type of TYPES) {
        const newest = newestOf(situation(), type);
        if (newest) set({ type }, value(newest, now().getTime() / 1000));
      }
    });
}

function newestOf(situation: Situation, type: BackupType): BackupRecord | undefined {
  // One without a key was never finished.
  const whole = situation.backups.filter((backup) => backup.type === type && backup.keyId !== "");
  return whole.toSorted((a, b) => startOf(a) - startOf(b)).at(-1);
}

function addState(registry: Registry, { situation, running, warnings }: MetricsView): void {
  const plain = (name: string, help: string, value: () => number | undefined) => {
    gauge(registry, `slipway_backup_${name}`, help, [], (set) => {
      const seen = value();
      if (seen !== undefined) set({}, seen);
    });
  };
  plain("sets", "Backups in the repositories", () => situation().backups.length);
  plain(
    "faulty_sets",
    "Backups with a fault other than that their key is not escrowed",
    () =>
      situation().backups.filter(({ faults }) => faults.some((fault) => !fault.startsWith("key-not-escrowed"))).length,
  );
  plain("verify_faults", "Faults that the last verification found", () => situation().verifyFaults.length);
  plain("key_escrowed", "Whether the key in use was exported and verified: 1 or 0", () =>
    situation().isEscrowed ? 1 : 0,
  );
  plain("archive_behind_seconds", "Commits that the archive lacks, in seconds", () => situation().archiveBehindSeconds);
  plain("repository_free_bytes", "Free on the disk of the local repository", () => situation().room?.freeBytes);
  plain("repository_total_bytes", "Size of the disk of the local repository", () => situation().room?.totalBytes);
  plain("warnings", "Things that somebody has to look at; /health/ready names them", warnings);
  gauge(registry, "slipway_backup_running", "What runs now: 1 or 0", ["work"], (set) => {
    for (const work of WORKS) set({ work }, running() === work ? 1 : 0);
  });
}

function addDrill(registry: Registry, { situation, now }: MetricsView): void {
  const drill = (name: string, help: string, value: (drill: NonNullable<Situation["drill"]>) => number) => {
    gauge(registry, `slipway_backup_drill_${name}`, help, [], (set) => {
      const last = situation().drill;
      if (last) set({}, value(last));
    });
  };
  drill("rto_seconds", "Recovery time that the newest drill measured", ({ rtoSeconds }) => rtoSeconds);
  drill("rpo_seconds", "Recovery point that the newest drill measured", ({ rpoSeconds }) => rpoSeconds);
  drill(
    "age_seconds",
    "Age of the newest drill that went well",
    ({ endedAt }) => (now().getTime() - endedAt.getTime()) / 1000,
  );
}

function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  collect: (set: (labels: Record<string, string>, value: number) => void) => void,
): void {
  registry.registerMetric(
    new Gauge({
      ...{ name, help, labelNames, registers: [] },
      collect() {
        this.reset(); // What is not known any more is not shown as it was.
        if (labelNames.length === 0) this.remove();
        collect((labels, value) => {
          this.set(labels, value);
        });
      },
    }),
  );
}

function startOf({ startedAt }: BackupRecord): number {
  return secondsOf(startedAt);
}

function secondsOf(time: string): number {
  return new Date(time).getTime() / 1000;
}
