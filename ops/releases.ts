import { DeploymentsLog, releaseThatServes, type DeploymentRecord } from "../toolchain/deployment/deployments-log.ts";
import { RELEASE_SERVICES, servingImages, type Running } from "../toolchain/deployment/truth.ts";
import { findFolders } from "../toolchain/folders.ts";
import { lookAt } from "../toolchain/platforms/platforms.ts";
import type { Steps } from "../toolchain/steps.ts";

export interface ListedRelease extends DeploymentRecord {
  /** Whether it is the one that serves. */
  readonly serves: boolean;
}

/** What was deployed, oldest first. */
export async function readReleases(
  stack: string,
  steps: Steps,
): Promise<{ readonly path: string; readonly deployments: readonly ListedRelease[] }> {
  const folders = findFolders();
  const log = new DeploymentsLog(stack, folders);
  const records = log.read();
  if (records.length === 0) return { path: log.path, deployments: [] };
  const { stack: opened, sight } = await lookAt(stack, folders, steps);
  return { path: log.path, deployments: marked(records, await sight.running(opened, RELEASE_SERVICES)) };
}

/** The newest deployment of the release that serves is the one. */
export function marked(records: readonly DeploymentRecord[], running: Running): readonly ListedRelease[] {
  const serving = servingImages(running);
  const one = serving && releaseThatServes(records, serving);
  return records.map((record) => ({ ...record, serves: record.number === one?.number }));
}
