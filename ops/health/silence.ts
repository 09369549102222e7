import type { HealthCheckName } from "../../configs/health-settings.ts";
import type { Holder } from "../../toolchain/deployment/deploy-lock.ts";
import type { Finding } from "./finding.ts";

/**
 * While somebody deploys, containers come and go: what that alone would look like is no reason to wake anybody. The deploy itself says how it
 * ended. A silence is nothing that anybody has to lift: it stands while the process that holds the stack's lock is alive.
 */

/** Checks that a deploy disturbs. Data, disks, certificates and backups it does not: of those everybody hears all the same. */
const DISTURBED: readonly HealthCheckName[] = [
  "containers",
  "routes",
  "network",
  "queues",
  "speech",
  "cpu",
  "memory",
  "logs",
];

/** A deploy that takes longer than this hangs, or is of a machine that is gone: everybody hears of everything again. */
const LONGEST_HOURS = 2;

export interface Silence {
  readonly findings: readonly Finding[];
  /** What is told to nobody. */
  readonly silenced: readonly string[];
}

/**
 * What of the findings is told.
 *
 * @param holder who deploys; nothing where nobody does
 */
export function silence(findings: readonly Finding[], holder: Holder | undefined, now: Date): Silence {
  const isDisturbed = ({ name, state }: Finding) => state !== "good" && DISTURBED.some((check) => check === name);
  if (holder === undefined || now.getTime() - Date.parse(holder.timestamp) > LONGEST_HOURS * 3_600_000)
    return { findings, silenced: [] };
  return {
    findings: findings.filter((finding) => !isDisturbed(finding)),
    silenced: findings.filter(isDisturbed).map(({ name }) => name),
  };
}

/** What was silenced and why, for people; nothing where nothing was. */
export function silenceText(silenced: readonly string[], holder: Holder | undefined): string {
  if (silenced.length === 0 || holder === undefined) return "";
  const { command, username, hostname, timestamp } = holder;
  return ` Told to nobody, while ${command} of ${username}@${hostname} runs (since ${timestamp}): ${silenced.join(", ")}.`;
}
