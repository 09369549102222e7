import { sharedBackend } from "../toolchain/backend.ts";
import { DeploymentsLog, releaseThatServes, type DeploymentRecord } from "../toolchain/deployment/deployments-log.ts";
import { historyOf } from "../toolchain/deployment/history.ts";
import { learned } from "../toolchain/deployment/learned.ts";
import { RELEASE_SERVICES, servingImages, type Running } from "../toolchain/deployment/truth.ts";
import { findFolders } from "../toolchain/folders.ts";
import { lookAt } from "../toolchain/platforms/platforms.ts";
import { preparePulumi } from "../toolchain/prepare.ts";
import { stackExists } from "../toolchain/stack.ts";
import type { Steps } from "../toolchain/steps.ts";

export interface ListedRelease extends DeploymentRecord {
  /** Whether it is the one that serves. */
  readonly serves: boolean;
}

export interface Releases {
  /** The log. */
  readonly path: string;
  readonly deployments: readonly ListedRelease[];
  /** Why nothing is known of what other machines deployed since, where they share a backend; nothing where it is. */
  readonly unasked?: string;
}

/** What was deployed, oldest first: from this machine, and as far as the stack can be asked from others. */
export async function readReleases(stack: string, steps: Steps): Promise<Releases> {
  const folders = findFolders();
  const log = new DeploymentsLog(stack, folders);
  const { path } = log;
  const isThere = await stackExists(stack, folders, () => preparePulumi(steps, folders));
  if (!isThere && log.read().length === 0) return { path, deployments: [] };
  const { stack: opened, sight } = await lookAt(stack, folders, steps);
  const { records: told, why } = await historyOf(opened, sight);
  const unasked = why === undefined || sharedBackend() === undefined ? {} : { unasked: why };
  const records = learned(stack, folders, told);
  if (records.length === 0) return { path, deployments: [], ...unasked };
  return { path, deployments: marked(records, await sight.running(opened, RELEASE_SERVICES)), ...unasked };
}

/** The newest deployment of the release that serves is the one. */
export function marked(records: readonly DeploymentRecord[], running: Running): readonly ListedRelease[] {
  const serving = servingImages(running);
  const one = serving && releaseThatServes(records, serving);
  return records.map((record) => ({ ...record, serves: record.number === one?.number }));
}
