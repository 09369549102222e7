import type { Agent } from "./agent.ts";
import { readArchive, type Archive } from "./archive-list.ts";
import { repositoriesOf, type RepositoryNumber } from "./pgbackrest-config.ts";
import { readRepository, type RepositoryInfo } from "./repository-info.ts";
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
  const reasons: string[] = [];
  for (const repository of repositoriesOf(agent.config)) {
    try {
      const info = await readRepository(agent.pgbackrest, repository);
      if (info.fault !== undefined) throw new Error(info.fault);
      const source = { repository, info, archive: await readArchive(agent.pgbackrest, info) };
      return { source, route: findRoute(target, { sets: info.sets, timelines: source.archive.timelines }) };
    } catch (error) {
      agent.signal.throwIfAborted();
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(reasons.join("; "));
}
