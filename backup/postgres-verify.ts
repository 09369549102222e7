import { connectLive, type Agent } from "./agent.ts";
import { readArchive, readSealed, type Archive } from "./archive-list.ts";
import { readArchiveState } from "./archive-state.ts";
import type { Fault } from "./faults.ts";
import { onRepository } from "./pgbackrest.ts";
import { REPOSITORY_NAMES, STANZA } from "./pgbackrest-config.ts";
import type { RepositoryInfo, RepositorySet } from "./repository-info.ts";
import { parseVerify, type WrongFile } from "./verify-output.ts";
import { findGaps, gapText, meets, parseSegment, type Gap, type Segment } from "./wal-segments.ts";

/** What is wrong with what pgBackRest keeps in one repository. */
export interface VerifiedRepository {
  /** By label in this repository. */
  readonly sets: ReadonlyMap<string, readonly Fault[]>;
  readonly faults: readonly Fault[];
}

/** What is known of the cluster that serves; none where it does not answer. */
export interface LiveCluster {
  readonly systemId: string;
  /** The last segment that it says it archived. */
  readonly archived: Segment | undefined;
}

/** Asks the cluster that serves; a restore must be possible without it, and so must a verification. */
export async function askLive(agent: Agent): Promise<LiveCluster | undefined> {
  let client;
  try {
    client = await connectLive(agent.config, "postgres");
  } catch {
    return undefined;
  }
  try {
    const { rows } = await client.query<{ id: string }>(
      "SELECT system_identifier::text AS id FROM pg_control_system()",
    );
    return { systemId: rows[0]?.id ?? "", archived: (await readArchiveState(client)).last };
  } finally {
    await client.end();
  }
}

/**
 * Reads everything that pgBackRest keeps in a repository. Its own `verify` looks at files and WAL that are there; in 2.45 it passes over
 * manifests and WAL that are not, over copies that differ, and over a repository of another cluster.
 */
export async function verifyRepository(
  agent: Agent,
  info: RepositoryInfo,
  live: LiveCluster | undefined,
): Promise<VerifiedRepository> {
  const name = REPOSITORY_NAMES[info.repository];
  if (info.fault !== undefined) return { sets: new Map(), faults: [await unreadable(agent, info)] };
  // Nothing was ever put into it; that there is no backup is said once for all.
  if (info.systemId === undefined) return { sets: new Map(), faults: [] };
  agent.progress({ step: `verify ${name}` });
  const archive = await readArchive(agent.pgbackrest, info);
  const files = parseVerify(await agent.pgbackrest.run("verify", [onRepository(info.repository)]));
  const sets = new Map<string, readonly Fault[]>();
  const gaps = gapsOf(info, archive, live);
  for (const set of info.sets)
    sets.set(set.label, [
      ...(await manifestFaults(agent, info, set)),
      ...files.files.filter(({ path }) => isOf(set, path)).map((file) => fileFault(name, "backup", file)),
      ...gapFaults(name, gaps, set),
      ...(set.hasPageErrors
        ? [{ kind: "damaged" as const, where: `${name}: ${set.label}`, reason: "pages of the database were damaged" }]
        : []),
    ]);
  return {
    sets,
    faults: [
      ...foreignFaults(name, info, live),
      ...(await infoFaults(agent, info)),
      ...files.errors.map((reason) => ({ kind: "damaged" as const, where: name, reason })),
      ...files.files.filter(({ path }) => isWal(path)).map((file) => fileFault(name, "archive", file)),
      ...gaps.map((gap) => gapFault(name, gap, "moments after it can only be reached from a later backup")),
      ...historyFaults(name, archive),
    ],
  };
}

/** Gaps in the archive of one repository, as far as a listing shows them. */
export function gapsOf(info: RepositoryInfo, archive: Archive, live: LiveCluster | undefined): Gap[] {
  const spans = info.sets.flatMap(({ walStart, walStop }): [Segment, Segment][] => {
    const [first, last] = [parseSegment(walStart), parseSegment(walStop)];
    return first && last ? [[first, last]] : [];
  });
  const isOwn = live !== undefined && live.systemId === info.systemId;
  const archived = isOwn && live.archived ? [[live.archived, live.archived] as const] : [];
  return findGaps(archive.segments, archive.timelines, spans.length === 0 ? [] : [...spans, ...archived]);
}

/** What a gap means for one backup: without its own WAL it is no state that the database ever had. */
export function gapFaults(name: string, gaps: readonly Gap[], set: RepositorySet): Fault[] {
  const [first, last] = [parseSegment(set.walStart), parseSegment(set.walStop)];
  if (!first || !last)
    return [{ kind: "damaged", where: `${name}: ${set.label}`, reason: "it does not say which WAL it needs" }];
  return gaps.filter((gap) => meets(gap, first, last)).map((gap) => gapFault(name, gap, `${set.label} needs it`));
}

function gapFault(name: string, gap: Gap, meaning: string): Fault {
  return { kind: "missing", where: `${name}: WAL ${gapText(gap)}`, reason: `it is not in the archive: ${meaning}` };
}

function fileFault(name: string, folder: string, { path, kind, reason }: WrongFile): Fault {
  return { kind, where: `${name}: pgbackrest/${folder}/${STANZA}/${path}`, reason };
}

function isWal(path: string): boolean {
  return /^\d+-\d+\//.test(path);
}

/** Whether a file belongs to a backup: its own, of one that it builds on, or WAL that it needs. */
function isOf(set: RepositorySet, path: string): boolean {
  const [folder = "", ...rest] = path.split("/");
  if (!isWal(path)) return folder === set.label || set.references.includes(folder);
  const segment = parseSegment(rest.at(-1) ?? "");
  const [first, last] = [parseSegment(set.walStart), parseSegment(set.walStop)];
  if (!segment || !first || !last) return false;
  return segment.timeline === first.timeline && segment.number >= first.number && segment.number <= last.number;
}

function foreignFaults(name: string, info: RepositoryInfo, live: LiveCluster | undefined): Fault[] {
  if (live === undefined || info.systemId === undefined || live.systemId === info.systemId) return [];
  const reason = `it belongs to the cluster ${info.systemId}, and the one that serves is ${live.systemId}; mount this stack's own`;
  return [{ kind: "foreign", where: `${name}: pgbackrest`, reason }];
}

async function unreadable(agent: Agent, info: RepositoryInfo): Promise<Fault> {
  const name = REPOSITORY_NAMES[info.repository];
  // A wrong key opens neither; damage is seldom in both.
  const archiveInfo = await readSealed(agent.pgbackrest, info.repository, `archive/${STANZA}/archive.info`);
  const opens = archiveInfo?.startsWith("[") ?? false;
  return {
    kind: opens ? "damaged" : "wrong-key",
    where: `${name}: pgbackrest/backup/${STANZA}/backup.info`,
    reason: info.fault ?? "it cannot be read",
  };
}

function infoFaults(agent: Agent, info: RepositoryInfo): Promise<Fault[]> {
  const files = [`backup/${STANZA}/backup.info`, `archive/${STANZA}/archive.info`];
  return copiesFaults(agent, info, files);
}

function manifestFaults(agent: Agent, info: RepositoryInfo, set: RepositorySet): Promise<Fault[]> {
  const labels = [...new Set([...set.references, set.label])];
  return copiesFaults(
    agent,
    info,
    labels.map((label) => `backup/${STANZA}/${label}/backup.manifest`),
  );
}

/** Files that pgBackRest keeps twice; it takes the other one where one is damaged, and nobody would hear of it. */
async function copiesFaults(agent: Agent, info: RepositoryInfo, paths: readonly string[]): Promise<Fault[]> {
  const name = REPOSITORY_NAMES[info.repository];
  const faults: Fault[] = [];
  for (const path of paths) {
    const [first, second] = [
      await readSealed(agent.pgbackrest, info.repository, path),
      await readSealed(agent.pgbackrest, info.repository, `${path}.copy`),
    ];
    const where = `${name}: pgbackrest/${path}`;
    for (const [text, file] of [[first, where] as const, [second, `${where}.copy`] as const])
      if (text === undefined)
        faults.push({ kind: "missing", where: file, reason: "it is not there, or does not open" });
      else if (!text.startsWith("["))
        faults.push({ kind: "damaged", where: file, reason: "it is not what was written" });
    if (first !== undefined && second !== undefined && first !== second)
      faults.push({ kind: "damaged", where, reason: "it and its copy are not the same" });
  }
  return faults;
}

/** Without its history a timeline cannot be followed from the one before. */
function historyFaults(name: string, archive: Archive): Fault[] {
  const known = new Set([1, ...archive.timelines.map(({ timeline }) => timeline)]);
  const used = new Set(archive.segments.map(({ timeline }) => timeline));
  return [...used]
    .filter((timeline) => !known.has(timeline))
    .map((timeline) => ({
      kind: "missing" as const,
      where: `${name}: history of timeline ${timeline}`,
      reason: "it is not in the archive, or does not open: nothing on that timeline can be reached from one before",
    }));
}
