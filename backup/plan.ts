import { connectLive, type Agent } from "./agent.ts";
import { countLosses } from "./losses.ts";
import type { RestorePlan } from "./protocol.ts";
import { findSource, type Source } from "./sources.ts";
import type { Target } from "./targets.ts";

/**
 * What a restore would reach, and what of today would be gone. Changes nothing.
 *
 * @throws Error where the target cannot be reached
 */
export async function planRestore(agent: Agent, target: Target): Promise<RestorePlan> {
  const now = new Date();
  if (target.is === "time" && target.time > now)
    throw new Error(
      `plan: the target ${target.text} is in the future, must be a moment that has passed; use --to latest`,
    );
  const { source, route } = await findSource(agent, target);
  const moment =
    target.is === "time"
      ? target.time
      : target.is === "label"
        ? route.set.endedAt
        : (newestOf(source) ?? route.set.endedAt);
  const client = await connectLive(agent.config);
  try {
    return {
      label: route.set.label,
      target: moment.toISOString(),
      lostSeconds: Math.max(0, Math.round((now.getTime() - moment.getTime()) / 1000)),
      ...(await countLosses(client, moment)),
      databaseBytes: route.set.databaseBytes,
    };
  } finally {
    await client.end();
  }
}

/** All that was committed before its newest segment came is in the archive, but for the moments that took. */
function newestOf({ archive }: Source): Date | undefined {
  return archive.newestAt;
}
