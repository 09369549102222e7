import type { Losses } from "../backup/losses.ts";
import type { DatabaseDrill } from "../backup/protocol.ts";
import { DRILL } from "../infra/services.ts";
import { UserError } from "../toolchain/command.ts";
import { findFolders, type Folders } from "../toolchain/folders.ts";
import { loadKubeConfig } from "../toolchain/kube-config.ts";
import type { ClusterPlace } from "../toolchain/platforms/pod-exec.ts";
import { openStack } from "../toolchain/platforms/platforms.ts";
import { preparePulumi } from "../toolchain/prepare.ts";
import { readStackSettings } from "../toolchain/stack-settings.ts";
import { PROJECT, stackExists } from "../toolchain/stack.ts";
import type { Steps } from "../toolchain/steps.ts";
import { databaseDrillSchema, lossesSchema } from "./agent-messages.ts";
import type { AgentSteps } from "./agent-steps.ts";
import { readAnswer } from "./answer-of.ts";
import { runNow } from "./cluster-job.ts";
import { RealObjects } from "./cluster-objects.ts";
import type { Answer } from "./reading.ts";

/**
 * The way to a stack's own cluster: as its last deploy from this checkout put it out; or, where there was none, as this machine's kubeconfig has it.
 *
 * @throws UserError where it is not up, or there is no kubeconfig
 */
export async function clusterOf(stack: string, steps: Steps): Promise<ClusterPlace> {
  const folders = findFolders();
  if (!(await stackExists(stack, folders, () => preparePulumi(steps, folders))))
    return { namespace: namespaceOf(stack, folders), config: loadKubeConfig({}) };
  const { namespace, kubeconfig } = await (await openStack(stack, folders, steps)).outputs();
  if (namespace === undefined || kubeconfig === undefined)
    throw new UserError(`The stack ${stack} is not up with this release. Is it? make up STACK=${stack}`);
  return { namespace, config: loadKubeConfig({ content: kubeconfig }) };
}

/** As infra/kubernetes/platform.ts names it. */
function namespaceOf(stack: string, { root }: Folders): string {
  return readStackSettings(stack, root)?.kubernetes.namespace ?? `${PROJECT}-${stack}`;
}

/**
 * Drills in the stack's cluster, now: RDS restores beside, a pod looks at it, and the instance goes again.
 *
 * @throws UserError with what the pod said
 */
export async function drillOnAws(
  { config, namespace }: ClusterPlace,
  shown: AgentSteps,
): Promise<Answer<DatabaseDrill>> {
  const words = ["drill"];
  return readAnswer({ command: "drill", schema: databaseDrillSchema, shown }, (to) =>
    runNow({ objects: new RealObjects(config, namespace), name: DRILL }, words, to),
  );
}

/**
 * Jobs that a restore to a moment would lose, counted in the database that serves.
 *
 * @throws UserError with what the pod said
 */
export async function lossesOnAws(
  { config, namespace }: ClusterPlace,
  moment: Date,
  shown: AgentSteps,
): Promise<Losses> {
  const words = ["losses", moment.toISOString()];
  const { result } = await readAnswer({ command: "losses", schema: lossesSchema, shown }, (to) =>
    runNow({ objects: new RealObjects(config, namespace), name: DRILL }, words, to),
  );
  return result;
}
