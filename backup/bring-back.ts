import { readAbsent } from "./absent-list.ts";
import type { Agent } from "./agent.ts";
import { restoreArtifacts } from "./artifact-mirror.ts";
import type { BroughtBack } from "./protocol.ts";

/** Names that the log has of those that no backup has. */
const NAMED = 20;

/**
 * Brings back into the store what a restore found missing there; what is there stays as it is. It may be killed and run again.
 *
 * It is no part of the restore, which runs a whole Postgres and the product's own code: that one has the store to read. This one has it to
 * write, and neither a Postgres nor a data directory that it could change.
 *
 * @throws Error where the store takes nothing
 */
export async function bringBack(agent: Pick<Agent, "config" | "context" | "log" | "progress">): Promise<BroughtBack> {
  const { config, context, log } = agent;
  const absent = await readAbsent(config.POSTGRES_DATA_DIR);
  const total = absent.reduce((sum, { bytes }) => sum + bytes, 0);
  agent.progress({ step: "artifacts", doneBytes: 0, totalBytes: total });
  const { keys, artifacts: target, signal } = context;
  const stores = context.repositories.map(({ store }) => store);
  const onBytes = (doneBytes: number, totalBytes: number) => {
    agent.progress({ step: "artifacts", doneBytes, totalBytes });
  };
  const { restored, bytes, missing } = await restoreArtifacts({ stores, keys, target, signal, onBytes }, absent);
  if (missing.length > 0)
    log.warn({ count: missing.length, first: missing.slice(0, NAMED) }, "artifacts that are in no backup");
  return { artifacts: restored, bytes, missing: missing.length };
}
