import type { Agent } from "./agent.ts";
import { readArchive, type Archive } from "./archive-list.ts";
import { readPaired } from "./make-backup.ts";
import type { PairedSet } from "./paired-sets.ts";
import type { RepositoryNumber } from "./pgbackrest-config.ts";
import type { RepositoryInfo } from "./repository-info.ts";
import { findRoute, type Route, type Target } from "./targets.ts";

/** A repository that can be read: its backups and its archive. */
export interface Source {
  readonly repository: RepositoryNumber;
  readonly info: RepositoryInfo;
  readonly archive: Archive;
}

/**
 * The repository to restore from, and the way to the target. The local one is nearer; where it cannot be read or does not lead there, the
 * off-site one is asked.
 *
 * @throws Error with what each repository says
 */
export async function findSource(
  agent: Agent,
  target: Target,
): Promise<{ readonly source: Source; readonly route: Route }> {
  const { paired, infos } = await readPaired(agent, agent.context);
  const reasons: string[] = [];
  for (const info of infos) {
    try {
      if (info.fault !== undefined) throw new Error(info.fault);
      const { repository } = info;
      const source = { repository, info, archive: await readArchive(agent.pgbackrest, info) };
      const own = target.is === "label" ? labelIn(repository, target, paired) : target;
      return { source, route: findRoute(own, { sets: info.sets, ...source.archive }) };
    } catch (error) {
      agent.signal.throwIfAborted();
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error([...new Set(reasons)].join("; "));
}

/** A backup's label in one repository: each has its own. */
function labelIn(
  repository: RepositoryNumber,
  target: Extract<Target, { is: "label" }>,
  paired: readonly PairedSet[],
): Target {
  const copy = paired.find(({ label }) => label === target.label)?.copies.get(repository);
  return { is: "label", label: copy?.label ?? target.label };
}
