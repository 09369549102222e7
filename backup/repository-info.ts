import { z } from "zod";
import { REPOSITORY_NAMES, type RepositoryNumber } from "./pgbackrest-config.ts";
import { onRepository, type Pgbackrest } from "./pgbackrest.ts";
import type { BackupType } from "./protocol.ts";

const backupSchema = z.object({
  annotation: z.record(z.string(), z.string()).nullish(),
  label: z.string(),
  type: z.enum(["full", "incr", "diff"]),
  error: z.boolean().nullish(),
  archive: z.object({ start: z.string().nullish(), stop: z.string().nullish() }),
  info: z.object({ size: z.number(), repository: z.object({ delta: z.number() }) }),
  lsn: z.object({ start: z.string(), stop: z.string() }).nullish(),
  reference: z.array(z.string()).nullish(),
  timestamp: z.object({ start: z.number(), stop: z.number() }),
  database: z.object({ id: z.number(), "repo-key": z.number() }),
});

const infoSchema = z.array(
  z.object({
    name: z.string(),
    archive: z.array(z.object({ id: z.string(), max: z.string().nullish(), min: z.string().nullish() })),
    backup: z.array(backupSchema),
    db: z.array(z.object({ id: z.number(), "system-id": z.number().or(z.bigint()).or(z.string()) })),
    repo: z.array(z.object({ key: z.number(), status: z.object({ code: z.number(), message: z.string() }) })),
  }),
);

/** One backup as pgBackRest knows it in one repository. */
export interface RepositorySet {
  readonly label: string;
  readonly type: BackupType;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly databaseBytes: number;
  readonly addedBytes: number;
  /** First and last segment of WAL that it needs. */
  readonly walStart: string;
  readonly walStop: string;
  /** Position from which on it is consistent. */
  readonly lsnStop: string;
  /** Labels of backups that hold files of it. */
  readonly references: readonly string[];
  /** What was noted with it when it was made. */
  readonly notes: Readonly<Record<string, string>>;
  /** Page checksums of the database were wrong while it was made. */
  readonly hasPageErrors: boolean;
}

/** What a repository says of itself. */
export interface RepositoryInfo {
  readonly repository: RepositoryNumber;
  /** Oldest first. */
  readonly sets: readonly RepositorySet[];
  /** Folders of the archive, such as `15-1`; the newest last. */
  readonly archiveIds: readonly string[];
  /** Identifier of the cluster that it belongs to; none where the repository is empty. */
  readonly systemId: string | undefined;
  /** Why it cannot be read; none where it can. */
  readonly fault: string | undefined;
}

/** Codes of the status of a repository: it is fine, or has nothing in it yet. */
const OK = 0;
const EMPTY = new Set([1, 2, 3]);

/** Asks one repository. An unreadable one is told by its fault, not thrown. */
export async function readRepository(pgbackrest: Pgbackrest, repository: RepositoryNumber): Promise<RepositoryInfo> {
  const text = await pgbackrest.read("info", ["--output=json", onRepository(repository)]);
  return parseInfo(text, repository);
}

/** @param text of `pgbackrest info --output=json` */
export function parseInfo(text: string, repository: RepositoryNumber): RepositoryInfo {
  // Larger than what a number of JavaScript holds.
  const [stanza] = infoSchema.parse(JSON.parse(text.replace(/("system-id":)(\d+)/g, '$1"$2"')));
  const empty = { repository, sets: [], archiveIds: [], systemId: undefined };
  const status = stanza?.repo.find(({ key }) => key === repository)?.status;
  if (!stanza || !status) return { ...empty, fault: undefined };
  if (status.code !== OK && !EMPTY.has(status.code))
    return { ...empty, fault: `repository ${REPOSITORY_NAMES[repository]}: ${readable(status.message)}` };
  return {
    repository,
    sets: stanza.backup.filter(({ database }) => database["repo-key"] === repository).map(toSet),
    archiveIds: stanza.archive.map(({ id }) => id),
    systemId: stanza.db.length === 0 ? undefined : String(stanza.db.at(-1)?.["system-id"]),
    fault: undefined,
  };
}

function toSet(backup: z.output<typeof backupSchema>): RepositorySet {
  return {
    label: backup.label,
    type: backup.type === "full" ? "full" : "incr",
    startedAt: new Date(backup.timestamp.start * 1000),
    endedAt: new Date(backup.timestamp.stop * 1000),
    databaseBytes: backup.info.size,
    addedBytes: backup.info.repository.delta,
    walStart: backup.archive.start ?? "",
    walStop: backup.archive.stop ?? "",
    lsnStop: backup.lsn?.stop ?? "0/0",
    references: backup.reference ?? [],
    notes: backup.annotation ?? {},
    hasPageErrors: backup.error === true,
  };
}

/** Without what a wrong key makes of a file, which is noise that ends in a log. */
function readable(message: string): string {
  const isCipher = /FormatError|CryptoError/.test(message);
  if (isCipher)
    return "cannot be opened: it is damaged, or the secret backup-key is not the one that it was made with; use that key, or a whole copy";
  return (message.split("\n")[0] ?? "").replace(/[^\x20-\x7e]/g, "?");
}
