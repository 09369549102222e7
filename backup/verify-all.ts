import type { Agent } from "./agent.ts";
import { faultText, type Fault } from "./faults.ts";
import { missingCopies } from "./list-backups.ts";
import { readPaired } from "./make-backup.ts";
import { REPOSITORY_NAMES, type RepositoryNumber } from "./pgbackrest-config.ts";
import { askLive, verifyRepository, type VerifiedRepository } from "./postgres-verify.ts";
import type { VerifyResult } from "./protocol.ts";
import type { SetContext } from "./set-context.ts";
import { verifySets } from "./set-verify.ts";

/**
 * Reads and checks everything, or one backup and what is common to all.
 *
 * @throws Error where there is no backup of that label
 */
export async function verifyAll(agent: Agent, context: SetContext, only: string | undefined): Promise<VerifyResult> {
  const before = await readPaired(agent, context);
  const result = await verifyOnce(agent, context, only, before);
  if (isGood(result)) return result;
  // A backup that ended meanwhile may have removed what was being read: then the faults are none.
  const after = await readPaired(agent, context);
  const labels = (paired: typeof before.paired) => paired.map(({ label }) => label).join();
  return labels(before.paired) === labels(after.paired) ? result : verifyOnce(agent, context, only, after);
}

/** Whether nothing at all is wrong. */
export function isGood({ sets, faults }: VerifyResult): boolean {
  return faults.length === 0 && sets.every((set) => set.faults.length === 0);
}

async function verifyOnce(
  agent: Agent,
  context: SetContext,
  only: string | undefined,
  { paired, infos }: Awaited<ReturnType<typeof readPaired>>,
): Promise<VerifyResult> {
  const chosen = paired.filter(({ label }) => only === undefined || label === only);
  if (only !== undefined && chosen.length === 0)
    throw new Error(`verify: there is no backup ${only}; there are ${paired.map(({ label }) => label).join(", ")}`);
  const live = await askLive(agent);
  const repositories = new Map<RepositoryNumber, VerifiedRepository>();
  for (const info of infos) repositories.set(info.repository, await verifyRepository(agent, info, live));
  const own = await verifySets(
    context,
    chosen.map(({ label }) => label),
    (label, doneBytes, totalBytes) => {
      agent.progress({ step: `verify ${label}`, doneBytes, totalBytes });
    },
  );
  const sets = chosen.map((set) => {
    const faults: Fault[] = [...(own.sets.find(({ label }) => label === set.label)?.faults ?? [])];
    for (const [number, copy] of set.copies) faults.push(...(repositories.get(number)?.sets.get(copy.label) ?? []));
    faults.push(...missingCopies(agent, set).filter(({ where }) => isReadable(where, infos)));
    return { label: set.label, faults: faults.map(faultText) };
  });
  const common = [...own.faults, ...[...repositories.values()].flatMap(({ faults }) => faults)];
  if (paired.length === 0) common.push({ kind: "missing", where: "repository", reason: "there is no backup in it" });
  return { sets, faults: common.map(faultText) };
}

/** What a repository lacks that cannot be read at all is not said for each backup. */
function isReadable(where: string, infos: Awaited<ReturnType<typeof readPaired>>["infos"]): boolean {
  return infos.some(({ repository, fault }) => fault === undefined && where.startsWith(REPOSITORY_NAMES[repository]));
}
