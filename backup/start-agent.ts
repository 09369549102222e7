import { statfs } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { startHealthServer } from "../jobs/health-server.ts";
import type { Logger } from "../jobs/log.ts";
import { createCloseStack, type Service } from "../jobs/process.ts";
import { openAgent, type Agent } from "./agent.ts";
import { listBackups } from "./list-backups.ts";
import { mirrorAlone } from "./mirror-lock.ts";
import { createBackupMetrics } from "./metrics.ts";
import { backUp, knownDrills, runDrill } from "./recorded.ts";
import { startServing, type AgentWork, type Clock } from "./serve.ts";
import { endSegment, makeStanza } from "./stanza.ts";
import { verifyAll } from "./verify-all.ts";

const CLOCK: Clock = {
  now: () => new Date(),
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => undefined),
};

/** Starts the agent as its container runs it: health routes at once, backups and drills as they are due. */
export async function startAgent(config: RuntimeConfig<"backup">, log: Logger): Promise<Service> {
  const stack = createCloseStack(log);
  const stopped = new AbortController();
  try {
    const agent = openAgent({ config, log, signal: stopped.signal, stack, onProgress: () => undefined });
    const metrics = createBackupMetrics({
      situation: () => serving.situation(),
      running: () => serving.running(),
      warnings: () => serving.warnings().length,
      now: () => CLOCK.now(),
    });
    const { BACKUP_DAILY_AT: dailyAt, BACKUP_FULL_ON: fullOn, BACKUP_DRILL_DAYS: drillDays } = config;
    const drills = config.BACKUP_DRILLS;
    const serving = startServing({
      work: workOf(agent),
      timetable: { dailyAt, fullOn, drillDays, drills },
      clock: CLOCK,
      log,
      onEnded: (work, seconds, reason) => {
        metrics.ended(work, seconds, reason);
      },
    });
    stack.add("schedule", async () => {
      stopped.abort(new Error("the agent stops; what was under way is finished after the next start"));
      await serving.close();
    });
    const readiness = () => Promise.resolve(serving.failing());
    const address = { host: config.HOST, port: config.PORT };
    const server = await startHealthServer(address, readiness, metrics.page, () => serving.warnings());
    stack.add("health routes", () => server.close());
    log.info({ dailyAt, fullOn, drillDays, drills, port: config.PORT }, "serves");
    return { stop: () => stack.close() };
  } catch (error) {
    await stack.close();
    throw error;
  }
}

function workOf(agent: Agent): AgentWork {
  const { config, context } = agent;
  return {
    prepare: async () => {
      await makeStanza(agent);
      await endSegment(agent);
    },
    backup: (type) => backUp(agent, type),
    drill: () => runDrill(agent),
    verify: () => verifyAll(agent, context, undefined),
    mirror: () => mirrorAlone(context),
    look: async () => {
      const { backups, key, archive } = await listBackups(agent, context);
      const { bavail, blocks, bsize } = await statfs(config.BACKUP_REPOSITORY_DIR);
      return {
        backups,
        isEscrowed: key.isEscrowed,
        archiveBehindSeconds: archive.behindSeconds,
        room: { freeBytes: bavail * bsize, totalBytes: blocks * bsize },
        ...(await knownDrills(agent)),
      };
    },
  };
}
