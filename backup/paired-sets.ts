import { REPOSITORY_NAMES, type RepositoryNumber } from "./pgbackrest-config.ts";
import type { RepositoryInfo, RepositorySet } from "./repository-info.ts";

/** A backup under the name that people use, and what each repository has of it. */
export interface PairedSet {
  /** Its label in the first repository. */
  readonly label: string;
  readonly copies: ReadonlyMap<RepositoryNumber, RepositorySet>;
}

/**
 * Brings the backups of all repositories together. pgBackRest names a backup by the second in which it first began, and makes one for each
 * repository, the local one first: the off-site copy of a backup is the one that began next.
 *
 * @param known labels that our own files name: they tell of backups that the local repository has lost
 */
export function pairSets(infos: readonly RepositoryInfo[], known: readonly string[]): PairedSet[] {
  const local = new Map(infos.find(({ repository }) => repository === 1)?.sets.map((set) => [set.label, set]));
  // One that was taken up again after an interruption keeps its name, and began anew.
  const began = (label: string) => local.get(label)?.startedAt.getTime() ?? timeOfLabel(label);
  const labels = [...new Set([...local.keys(), ...known])].sort((a, b) => began(a) - began(b));
  return labels.map((label, index) => {
    const next = labels[index + 1];
    const until = next === undefined ? Infinity : began(next);
    const copies = new Map<RepositoryNumber, RepositorySet>();
    for (const { repository, sets } of infos) {
      const isIt = (set: RepositorySet) =>
        repository === 1
          ? set.label === label
          : set.startedAt.getTime() >= began(label) && set.startedAt.getTime() < until;
      const copy = sets.find(isIt);
      if (copy) copies.set(repository, copy);
    }
    return { label, copies };
  });
}

/** Names of the repositories that have it. */
export function repositoriesWithSet({ copies }: PairedSet): string[] {
  return [...copies.keys()].map((number) => REPOSITORY_NAMES[number]);
}

const LABEL_TIME = /(?<year>\d{4})(?<month>\d\d)(?<day>\d\d)-(?<hour>\d\d)(?<minute>\d\d)(?<second>\d\d)[FDI]$/;

/** The second that a label names, in UTC, in milliseconds since 1970. */
export function timeOfLabel(label: string): number {
  const part = (name: string) => Number(LABEL_TIME.exec(label)?.groups?.[name]);
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
}
