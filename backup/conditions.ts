import type { Failing } from "../jobs/health.ts";
import type { BackupRecord } from "./protocol.ts";
import { nextDrill, type LastGood, type Timetable, type Work } from "./timetable.ts";

/** Everything that is known of the backups at one moment. */
export interface Situation {
  readonly backups: readonly BackupRecord[];
  readonly isEscrowed: boolean;
  readonly archiveBehindSeconds?: number | undefined;
  /** Of the disk that the local repository is on. */
  readonly room?: { readonly freeBytes: number; readonly totalBytes: number } | undefined;
  readonly drill?: { readonly endedAt: Date; readonly rtoSeconds: number; readonly rpoSeconds: number } | undefined;
  /** Why the newest drill failed, whoever made it. */
  readonly drillFault?: string | undefined;
  /** What the last verify found, of all backups. */
  readonly verifyFaults: readonly string[];
  /** Work that failed, and has not gone well since; and why. */
  readonly failed: ReadonlyMap<Work | "mirror" | "look" | "verify", string>;
}

/** What counts as late, in seconds. A backup of the night is looked for within two hours. */
export const LATE_SECONDS = {
  backup: 26 * 3600,
  full: (7 * 24 + 2) * 3600,
  /** Beyond the day on which the drill is due. */
  drill: 24 * 3600,
  /** The recovery point that is promised. */
  archive: 60,
} as const;

/** Share of a disk that must be free. */
const LEAST_FREE = 0.1;

/** Newest times that the timetable goes by. */
export function lastGood({ backups, drill }: Pick<Situation, "backups" | "drill">): LastGood {
  const starts = (type?: "full") =>
    backups
      .filter((backup) => isWhole(backup) && (type === undefined || backup.type === type))
      .map(({ startedAt }) => new Date(startedAt))
      .sort((a, b) => a.getTime() - b.getTime());
  const all = starts();
  return { backup: all.at(-1), full: starts("full").at(-1), oldest: all[0], drill: drill?.endedAt };
}

/** One that was interrupted has no key in what is listed: nothing but Postgres is there of it. */
function isWhole({ keyId }: BackupRecord): boolean {
  return keyId !== "";
}

/** What somebody has to look at. The agent goes on and stays ready: these are warnings, metrics and lines of the log. */
export function warningsOf(situation: Situation, timetable: Timetable, now: Date): Failing[] {
  return [
    ...lateBackups(situation, now),
    ...lateDrill(situation, timetable, now),
    ...[...failures(situation)].map(([work, reason]) => ({ dependency: `${work} failed`, reason })),
    ...faultyBackups(situation),
    ...lackOfRoom(situation),
    ...lateArchive(situation),
    ...(situation.isEscrowed
      ? []
      : [
          {
            dependency: "key not escrowed",
            reason:
              "no backup counts as good before the key was exported and verified: slipway keys export, slipway keys verify",
          },
        ]),
  ];
}

/** A drill of a pod beside says in the database alone that it failed. */
function failures({ failed, drillFault }: Situation): ReadonlyMap<string, string> {
  return drillFault === undefined || failed.has("drill") ? failed : new Map([...failed, ["drill", drillFault]]);
}

function lateBackups(situation: Situation, now: Date): Failing[] {
  const last = lastGood(situation);
  return (["backup", "full"] as const).flatMap((name) => {
    const age = last[name] && (now.getTime() - last[name].getTime()) / 1000;
    if (age !== undefined && age <= LATE_SECONDS[name]) return [];
    const what = name === "full" ? "full backup" : "backup";
    const reason = age === undefined ? `there is no ${what} yet` : `the newest ${what} is ${hours(age)} old`;
    return [{ dependency: `${what} late`, reason: `${reason}; allowed: ${hours(LATE_SECONDS[name])}` }];
  });
}

function lateDrill(situation: Situation, timetable: Timetable, now: Date): Failing[] {
  const due = nextDrill(timetable, lastGood(situation));
  const late = due && (now.getTime() - due.getTime()) / 1000;
  if (late === undefined || late <= LATE_SECONDS.drill) return [];
  return [
    { dependency: "drill late", reason: `a drill was due ${hours(late)} ago; allowed: ${hours(LATE_SECONDS.drill)}` },
  ];
}

function faultyBackups({ backups, verifyFaults }: Situation): Failing[] {
  // The key's escrow is a warning of its own, and not one for each backup.
  const listed = backups.flatMap(({ label, faults }) =>
    faults.filter((fault) => !fault.startsWith("key-not-escrowed")).map((fault) => `${label}: ${fault}`),
  );
  const faults = [...new Set([...listed, ...verifyFaults])];
  if (faults.length === 0) return [];
  const more = faults.length > 3 ? `; and ${faults.length - 3} more` : "";
  return [
    { dependency: "backup damaged", reason: `${faults.slice(0, 3).join("; ")}${more}; slipway verify lists them` },
  ];
}

function lackOfRoom({ room }: Situation): Failing[] {
  if (!room || room.freeBytes >= room.totalBytes * LEAST_FREE) return [];
  const percent = ((room.freeBytes / room.totalBytes) * 100).toFixed(1);
  return [
    {
      dependency: "repository full",
      reason: `${percent} % of its disk is free, must be ${LEAST_FREE * 100} %; make room: without any, WAL waits and is dropped at last`,
    },
  ];
}

function lateArchive({ archiveBehindSeconds: behind }: Situation): Failing[] {
  if (behind === undefined || behind <= LATE_SECONDS.archive) return [];
  return [
    {
      dependency: "archive behind",
      reason: `the archive is ${Math.round(behind)} s behind, allowed: ${LATE_SECONDS.archive} s; look at the log of Postgres and at the repository`,
    },
  ];
}

function hours(seconds: number): string {
  return `${Math.round(seconds / 360) / 10} h`;
}
