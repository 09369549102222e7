import { connectLive, type Agent } from "./agent.ts";
import { REPOSITORY_NAMES, repositoriesOf } from "./pgbackrest-config.ts";
import { askLive } from "./postgres-verify.ts";
import { readRepository } from "./repository-info.ts";

/** A repository has backups of another cluster than the one that serves. Nothing was written into any. */
export class ForeignRepository extends Error {
  override readonly name = "ForeignRepository";
}

/**
 * Makes the repositories ready for the cluster that serves, those that are new and those that have been its own.
 *
 * A host that is lost leaves its repository elsewhere, and the cluster that is made in its place is another one. Were it given a place in the
 * empty repository beside, that place would be foreign to what is restored, and nothing of that would ever be backed up.
 *
 * @throws ForeignRepository before anything is written
 */
export async function makeStanza(agent: Agent): Promise<void> {
  const live = await askLive(agent);
  for (const repository of repositoriesOf(agent.config)) {
    const { systemId } = await readRepository(agent.pgbackrest, repository);
    if (live === undefined || systemId === undefined || systemId === live.systemId) continue;
    throw new ForeignRepository(
      `The ${REPOSITORY_NAMES[repository]} repository has backups of the cluster ${systemId}, and the one that serves is ${live.systemId}: nothing is written there. ` +
        `If they are this stack's own, of a host that is lost: ./slipway restore --to latest. Else give this stack another place, in slipway:backup.offsite.`,
    );
  }
  await agent.pgbackrest.run("stanza-create");
}

/**
 * Ends the segment that is written, so that the archive holds WAL of the timeline that serves from its start on. After `restore --back` the newest there is of
 * the generation that was left, and "latest" would lead there until Postgres ends a segment by itself.
 */
export async function endSegment(agent: Agent): Promise<void> {
  const client = await connectLive(agent.config, "postgres");
  try {
    await client.query("SELECT pg_switch_wal()");
  } finally {
    await client.end();
  }
}
