import { z } from "zod";
import { onRepository, PgbackrestFailed, type Pgbackrest } from "./pgbackrest.ts";
import { STANZA, type RepositoryNumber } from "./pgbackrest-config.ts";
import type { RepositoryInfo } from "./repository-info.ts";
import type { Arrival } from "./targets.ts";
import { parseHistory, parseSegment, type Branch, type Segment } from "./wal-segments.ts";

const listSchema = z.record(
  z.string(),
  z.object({ type: z.string(), size: z.number().optional(), time: z.number().optional() }),
);

/** A file of a repository. */
export interface RepositoryFile {
  readonly path: string;
  readonly bytes: number;
  readonly writtenAt: Date;
}

/** What the archive of one repository holds. */
export interface Archive {
  readonly segments: readonly Segment[];
  /** All timelines but the first: which one each left, and where. */
  readonly timelines: readonly Branch[];
  /** When segments reached it, the oldest first. */
  readonly arrivals: readonly Arrival[];
  /** When the newest segment reached it. */
  readonly newestAt: Date | undefined;
}

/** Files below a folder of a repository; none where the folder is not there. */
export async function listFiles(
  pgbackrest: Pgbackrest,
  repository: RepositoryNumber,
  folder: string,
): Promise<RepositoryFile[]> {
  const text = await pgbackrest.read("repo-ls", ["--recurse", "--output=json", onRepository(repository), folder]);
  return Object.entries(listSchema.parse(JSON.parse(text === "" ? "{}" : text)))
    .filter(([, { type }]) => type === "file")
    .map(([path, { size = 0, time = 0 }]) => ({ path, bytes: size, writtenAt: new Date(time * 1000) }));
}

/**
 * Content of a small file of a repository, opened with its key; none where it is not there or cannot be opened.
 */
export async function readSealed(
  pgbackrest: Pgbackrest,
  repository: RepositoryNumber,
  path: string,
): Promise<string | undefined> {
  try {
    return await pgbackrest.read("repo-get", [onRepository(repository), path]);
  } catch (error) {
    if (error instanceof PgbackrestFailed) return undefined;
    throw error;
  }
}

/** Reads what the newest archive of a repository holds. */
export async function readArchive(pgbackrest: Pgbackrest, info: RepositoryInfo): Promise<Archive> {
  const id = info.archiveIds.at(-1);
  if (id === undefined) return { segments: [], timelines: [], arrivals: [], newestAt: undefined };
  const folder = `archive/${STANZA}/${id}`;
  const files = await listFiles(pgbackrest, info.repository, folder);
  const found = files.flatMap(({ path, writtenAt }) => {
    const segment = parseSegment(path.split("/").at(-1) ?? "");
    return segment ? [{ segment, at: writtenAt }] : [];
  });
  const timelines: Branch[] = [];
  for (const { path } of files) {
    const number = /^(?<hex>[0-9A-F]{8})\.history$/.exec(path)?.groups?.["hex"];
    if (number === undefined) continue;
    const text = await readSealed(pgbackrest, info.repository, `${folder}/${path}`);
    const branch = text === undefined ? undefined : parseHistory(Number.parseInt(number, 16), text);
    if (branch) timelines.push(branch);
  }
  const arrivals = found
    .toSorted((a, b) => a.at.getTime() - b.at.getTime() || a.segment.number - b.segment.number)
    .map(({ segment: { timeline }, at }) => ({ timeline, at }));
  return { segments: found.map(({ segment }) => segment), timelines, arrivals, newestAt: arrivals.at(-1)?.at };
}
