import { z } from "zod";
import { onRepository, PgbackrestFailed, type Pgbackrest } from "./pgbackrest.ts";
import { STANZA, type RepositoryNumber } from "./pgbackrest-config.ts";
import type { RepositoryInfo } from "./repository-info.ts";
import type { Timeline } from "./targets.ts";
import { parseHistory, parseSegment, type Segment } from "./wal-segments.ts";

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
  readonly timelines: readonly Timeline[];
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
  if (id === undefined) return { segments: [], timelines: [], newestAt: undefined };
  const folder = `archive/${STANZA}/${id}`;
  const files = await listFiles(pgbackrest, info.repository, folder);
  const segments = files.map((file) => ({ file, segment: parseSegment(file.path.split("/").at(-1) ?? "") }));
  const timelines: Timeline[] = [];
  for (const { path, writtenAt } of files) {
    const number = /^(?<hex>[0-9A-F]{8})\.history$/.exec(path)?.groups?.["hex"];
    if (number === undefined) continue;
    const text = await readSealed(pgbackrest, info.repository, `${folder}/${path}`);
    const branch = text === undefined ? undefined : parseHistory(Number.parseInt(number, 16), text);
    if (branch) timelines.push({ ...branch, since: writtenAt });
  }
  const times = segments.filter(({ segment }) => segment).map(({ file }) => file.writtenAt.getTime());
  return {
    segments: segments.flatMap(({ segment }) => (segment ? [segment] : [])),
    timelines,
    newestAt: times.length === 0 ? undefined : new Date(times.reduce((a, b) => Math.max(a, b))),
  };
}
