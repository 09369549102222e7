import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import { BACKUP_PROGRAM } from "../infra/backup-program.ts";
import { UserError } from "../toolchain/command.ts";
import { findFolders } from "../toolchain/folders.ts";
import { kubeConfigOf } from "../toolchain/platforms/kubernetes.ts";
import { openStack } from "../toolchain/platforms/platforms.ts";
import type { Steps } from "../toolchain/steps.ts";
import { ask, type Question } from "./agent.ts";
import { execInPod } from "./cluster-exec.ts";
import type { Answer } from "./reading.ts";

/** Where the agent is: a container beside Postgres. */
const [POD, CONTAINER] = ["postgres-0", "backup"];

/** Where a stack in a cluster is, and the way there. */
export interface StackInCluster {
  readonly stack: string;
  readonly config: KubeConfig;
  readonly namespace: string;
}

/** @throws UserError where it is not up */
export async function openInCluster(stack: string, steps: Steps): Promise<StackInCluster> {
  const folders = findFolders();
  const opened = await openStack(stack, folders, steps);
  const { namespace } = await opened.outputs();
  if (namespace === undefined) throw new UserError(`The stack ${stack} is not up. Is it? make up STACK=${stack}`);
  return { stack, config: await kubeConfigOf(opened, folders), namespace };
}

/**
 * Asks the agent of a stack in a cluster, as `ask` of a Docker engine's does.
 *
 * @throws UserError where it has none that runs
 */
export async function askInCluster<T>(
  { stack, config, namespace }: StackInCluster,
  question: Question<T>,
): Promise<Answer<T>> {
  await refuseAbsent(config, namespace, stack);
  const place = { config, namespace, pod: POD, container: CONTAINER };
  return ask(question, (options) => execInPod(place, [...BACKUP_PROGRAM, ...question.words], options));
}

async function refuseAbsent(config: KubeConfig, namespace: string, stack: string): Promise<void> {
  const { items } = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace });
  const pod = items.find(({ metadata }) => metadata?.name === POD);
  const state = pod?.status?.containerStatuses?.find(({ name }) => name === CONTAINER)?.state;
  if (state?.running) return;
  throw new UserError(
    state === undefined
      ? `The stack ${stack} has no backup agent in ${namespace}. Is it up, and is slipway:backup.enabled not false? make up STACK=${stack}`
      : `The backup agent of ${stack} does not run. See why: kubectl logs --namespace ${namespace} ${POD} --container ${CONTAINER} --previous`,
  );
}
