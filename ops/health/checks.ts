import { HEALTH_CHECKS, type HealthCheckName } from "../../configs/health-settings.ts";
import { judgeBackups } from "./backups.ts";
import { lookAtCertificates } from "./certificates.ts";
import { good, lookAt, type Finding, type Look, type State } from "./finding.ts";
import { judgeDatabase, judgeQueues } from "./job-store.ts";
import {
  lookAtArtifacts,
  lookAtContainers,
  lookAtDisk,
  lookAtLogs,
  lookAtNetwork,
  lookAtRoutes,
  lookAtSpeech,
  lookAtUsage,
} from "./services.ts";
import type { World } from "./world.ts";

/** Every check, by its name. */
const LOOKS: Readonly<Record<HealthCheckName, (world: World) => Promise<Look>>> = {
  containers: lookAtContainers,
  routes: lookAtRoutes,
  network: lookAtNetwork,
  database: async (world) => judgeDatabase(await world.jobStore(), world),
  queues: async (world) => judgeQueues(await world.jobStore(), world),
  speech: lookAtSpeech,
  artifacts: lookAtArtifacts,
  cpu: (world) => lookAtUsage(world, "cpuPercent"),
  memory: (world) => lookAtUsage(world, "memoryPercent"),
  disk: lookAtDisk,
  logs: lookAtLogs,
  certificates: lookAtCertificates,
  backups: async (world) =>
    world.backups === undefined ? good("the platform's own") : judgeBackups(await world.backups(), world),
};

/** All that are not ignored, side by side. */
export function lookAtAll(world: World): Promise<readonly Finding[]> {
  const names = HEALTH_CHECKS.filter((name) => !world.settings.ignore.includes(name));
  return Promise.all(names.map((name) => lookAt(name, () => LOOKS[name](world))));
}

export type Verdict = "HEALTHY" | "WARNING" | "UNHEALTHY";

/** How the command ends for each. */
export const VERDICT_CODES: Readonly<Record<Verdict, number>> = { HEALTHY: 0, WARNING: 1, UNHEALTHY: 2 };

const VERDICTS: Readonly<Record<State, Verdict>> = {
  good: "HEALTHY",
  // Nobody should sleep well over what nobody looked at.
  unknown: "WARNING",
  warning: "WARNING",
  bad: "UNHEALTHY",
};

export function verdictOf(findings: readonly Finding[]): Verdict {
  const all = findings.map(({ state }) => VERDICTS[state]);
  return (["UNHEALTHY", "WARNING"] as const).find((verdict) => all.includes(verdict)) ?? "HEALTHY";
}
