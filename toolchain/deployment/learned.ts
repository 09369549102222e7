import type { Folders } from "../folders.ts";
import { DeployLock } from "./deploy-lock.ts";
import {
  DeploymentsLog,
  inOrder,
  lastNumber,
  recordsOf,
  type DeploymentLine,
  type DeploymentRecord,
} from "./deployments-log.ts";

/**
 * Those that a log has not, as they go into it. One whose number is another's there, as both were deployed without a look at each other,
 * gets one behind all: `id` says which is which, everywhere. Of those that have not ended their own machine says so, once they have.
 */
export function missing(
  known: readonly DeploymentRecord[],
  told: readonly DeploymentRecord[],
): readonly DeploymentRecord[] {
  const ids = new Set(known.map(({ id }) => id));
  const others = inOrder(told.filter(({ id, outcome }) => !ids.has(id) && outcome !== undefined));
  const taken = new Set(known.map(({ number }) => number));
  const isFree = ({ number }: DeploymentRecord) => {
    const wasFree = !taken.has(number);
    taken.add(number);
    return wasFree;
  };
  const kept = others.filter(isFree);
  const last = lastNumber([...known, ...kept]);
  const moved = others.filter((one) => !kept.includes(one));
  return [...kept, ...moved.map((one, index) => ({ ...one, number: last + index + 1 }))];
}

/** What a log lacks of releases that it has: it was told of them by one that knew nothing of needs. */
export function lateNeeds(
  known: readonly DeploymentRecord[],
  told: readonly DeploymentRecord[],
): readonly DeploymentLine[] {
  const needs = new Map(told.map(({ id, schemaNeeds }) => [id, schemaNeeds]));
  return known.flatMap(({ id, number, schemaNeeds }) => {
    const late = schemaNeeds === undefined ? needs.get(id) : undefined;
    return late === undefined ? [] : [{ number, schemaNeeds: late }];
  });
}

function news(known: readonly DeploymentRecord[], told: readonly DeploymentRecord[]): readonly DeploymentLine[] {
  return [...lateNeeds(known, told), ...missing(known, told)];
}

/** Adds to the log of a stack what it has not. For whoever deploys, alone. */
export function learn(log: DeploymentsLog, told: readonly DeploymentRecord[]): void {
  for (const line of news(log.read(), told)) log.add(line);
}

/**
 * What was deployed, from this machine and from others, for whoever only looks. While somebody deploys, the log is that one's, who has asked
 * the same: then nothing is written into it.
 */
export function learned(
  stack: string,
  folders: Pick<Folders, "state">,
  told: readonly DeploymentRecord[],
): readonly DeploymentRecord[] {
  const log = new DeploymentsLog(stack, folders);
  const known = log.read();
  const lines = news(known, told);
  if (lines.length === 0) return known;
  const asked = new DeployLock(stack, folders).ask("a look at what others deployed");
  if (asked.kind === "held") return recordsOf([...known, ...lines]);
  try {
    learn(log, told);
    return log.read();
  } finally {
    asked.release();
  }
}
