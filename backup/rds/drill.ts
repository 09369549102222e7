import type { Client } from "pg";
import type { RuntimeConfig } from "../../configs/runtime.ts";
import { openDatabase } from "../../jobs/database.ts";
import type { Logger } from "../../jobs/log.ts";
import { reasonOf, untilItWorks } from "../../jobs/patience.ts";
import { newestIn } from "../newest-commit.ts";
import type { DatabaseDrill, ProgressEvent } from "../protocol.ts";
import { recordDrill, type DrillOutcome } from "../records.ts";
import { readContents } from "../restored-checks.ts";
import { removeSmoke } from "../smoke-order.ts";
import type { InstancePlace, TemporaryInstance } from "./instance.ts";
import { readPages } from "./pages.ts";
import { alone, connectTo, withServing } from "./serving.ts";
import { doSmokeJob } from "./smoke.ts";

export interface DrillArgs {
  readonly config: RuntimeConfig<"drill">;
  readonly instance: Pick<TemporaryInstance, "restore" | "remove" | "abandon">;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onProgress: (event: ProgressEvent) => void;
}

/** A name that is new takes a while until everybody knows it. In milliseconds. */
const ANSWERS_WITHIN_MS = 300_000;

/** The job's own connections, beside the one that looks. */
const POOL_SIZE = 3;

/**
 * Restores the newest moment of the database that serves into an instance beside, checks and measures it, removes it, and notes the times, or the
 * faults, in the database that serves.
 *
 * @throws Error where the restore or a check fails, or the instance does not go; Busy where another drill runs
 */
export async function drillOnRds(args: DrillArgs): Promise<DatabaseDrill> {
  const { config, signal } = args;
  const startedAt = new Date();
  const note = (outcome: DrillOutcome) =>
    withServing(config, (client) => recordDrill(client, { ...outcome, startedAt, endedAt: new Date() }));
  return alone(config, async () => {
    try {
      const result = await drill(args);
      await note({ outcome: "succeeded", result });
      return result;
    } catch (error) {
      // One that was told to end says nothing of the backups.
      if (!signal.aborted) await note({ outcome: "failed", faults: [reasonOf(error)] });
      throw error;
    }
  });
}

async function drill(args: DrillArgs): Promise<DatabaseDrill> {
  const { instance, log, signal, onProgress } = args;
  onProgress({ event: "progress", step: "leftovers" });
  if (await instance.remove()) log.warn("an instance was left by a drill that was killed; it is removed");
  try {
    // Whoever tells it to end does not wait for a statement.
    const result = await Promise.race([restoreAndLook(args), aborted(signal)]);
    onProgress({ event: "progress", step: "removal" });
    await instance.remove();
    return result;
  } catch (error) {
    await (signal.aborted ? instance.abandon() : instance.remove()).catch((left: unknown) => {
      log.error({ err: left }, "the temporary instance could not be removed; the next drill tries again");
    });
    throw error;
  }
}

/** Never goes well. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const tell = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) tell();
    else signal.addEventListener("abort", tell, { once: true });
  });
}

async function restoreAndLook(args: DrillArgs): Promise<DatabaseDrill> {
  const { config, instance, log, onProgress } = args;
  const began = new Date();
  const started = performance.now();
  const before = await withServing(config, newestIn);
  onProgress({ event: "progress", step: "restore" });
  const place = await instance.restore();
  if (place.host === config.DATABASE_HOST)
    throw new Error(`drill: the temporary instance is ${place.host}, which serves; must be another one`);
  const what = `the restored database at ${place.host}`;
  const client = await untilItWorks(() => connectTo(config, place), { what, log, forMs: ANSWERS_WITHIN_MS });
  try {
    const recoverySeconds = secondsSince(started);
    const looked = await look(args, client, place);
    const totalSeconds = secondsSince(started);
    onProgress({ event: "progress", step: "pages" });
    log.info({ bytes: await readPages(client, Object.keys(looked.rows)) }, "every row was read whole");
    const { newest, ...contents } = looked;
    return {
      ...{ label: config.DRILL_SOURCE, target: began.toISOString(), ...contents, recoverySeconds, totalSeconds },
      ...(newest && { reached: newest.toISOString() }),
      ...{ rtoSeconds: totalSeconds, rpoSeconds: lossOf(before, newest) },
    };
  } finally {
    await client.end();
  }
}

/** What is in it, and whether the product works with it. */
async function look({ config, log, signal, onProgress }: DrillArgs, client: Client, { host, port }: InstancePlace) {
  onProgress({ event: "progress", step: "contents" });
  const contents = await readContents(client);
  const newest = await newestIn(client);
  onProgress({ event: "progress", step: "smoke job" });
  const there = { DATABASE_HOST: host, DATABASE_PORT: port, DATABASE_POOL_SIZE: POOL_SIZE };
  const pool = openDatabase({ ...config, ...there }, log);
  try {
    await doSmokeJob(pool, log.child({ check: "smoke job" }, { level: "warn" }), signal);
  } finally {
    await pool.end();
  }
  await removeSmoke(client);
  return { ...contents, newest };
}

/**
 * Seconds of commits that the database had when the drill began, and that are not in what was restored.
 *
 * @throws Error where it had some, and none is there
 */
function lossOf(before: Date | undefined, newest: Date | undefined): number {
  if (before === undefined) return 0;
  if (newest === undefined)
    throw new Error(
      `drill: the restored database has no commit of the product, must have those up to about ${before.toISOString()}; look at RDS' backups`,
    );
  return Math.max(0, before.getTime() - newest.getTime()) / 1000;
}

function secondsSince(started: number): number {
  return Math.round(performance.now() - started) / 1000;
}
