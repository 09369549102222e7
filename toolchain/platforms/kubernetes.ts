import { existsSync } from "node:fs";
import { join } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { buildPrograms, findCluster, startCluster } from "../cluster/cluster.ts";
import { layoutOf } from "../cluster/layout.ts";
import { bringProductImages } from "../cluster/product-images.ts";
import { endCanaries } from "../../infra/kubernetes/end-canaries.ts";
import { UserError } from "../command.ts";
import { connect } from "../engine.ts";
import { findFolders, type Folders } from "../folders.ts";
import { loadKubeConfig } from "../kube-config.ts";
import { leftInCluster } from "../left-in-cluster.ts";
import { NOTHING_LEFT, type LeftBehind } from "../left-behind.ts";
import { forwardPort } from "../port-forward.ts";
import { prepare, preparePulumi } from "../prepare.ts";
import { dropSalt } from "../stack-file.ts";
import { readStackSettings } from "../stack-settings.ts";
import { Stack, stackExists, type Outputs } from "../stack.ts";
import type { Steps } from "../steps.ts";
import { clusterHost, namespaceIn } from "./cluster-running.ts";
import { unmanagedInCluster } from "../unmanaged-in-cluster.ts";
import { destroy } from "./destroy.ts";
import type { Host, PlatformCommands, Reached, TakeDown } from "./host.ts";
import type { ClusterPlace } from "./pod-exec.ts";

/**
 * A cluster that exists. A stack whose images are brought by hand and that names no cluster means the node of `make cluster`, whatever
 * this machine's own kubeconfig points at: nobody's cluster is deployed to by accident.
 */
export const kubernetes: PlatformCommands = {
  prepare: async (stack, steps) => (isOurNode(stack, findFolders()) ? prepareOurNode(steps) : prepareOther(steps)),
  sight: (folders) => Promise.resolve(clusterHost((stack) => placeOf(stack, folders))),
  environment,
  reach,
  cluster: kubeConfigOf,
  unmanaged: async (stack, folders, deployment) =>
    unmanagedInCluster(await kubeConfigOf(stack, folders), stack.name, deployment),
  takeDown,
};

/** Whether the stack means the node that `make cluster` brings up on this machine. */
export function isOurNode(stack: string, { root }: Pick<Folders, "root">): boolean {
  const settings = readStackSettings(stack, root);
  if (settings === undefined) return false;
  const { importedImages, kubeconfig, context } = settings.kubernetes;
  return importedImages && kubeconfig === undefined && context === undefined && !settings.hasKubeconfigSecret;
}

/** Nothing that only a Docker engine could leave. */
const NOTHING_BESIDE = {
  checkRoom: () => Promise.resolve(),
  // Pulumi's own message has the reasons and logs of pods.
  faultyLogs: () => Promise.resolve(""),
};

/** A canary that was killed goes on beside what serves; green pods of a rollout that failed are what serves. */
function canariesIn(folders: Folders): Pick<Host, "removeUnknown" | "endCanaries"> {
  const end = async (stack: Stack) => {
    const place = await placeOf(stack, folders);
    return place === undefined ? 0 : endCanaries(place);
  };
  return { removeUnknown: end, endCanaries: end };
}

/** Where in its cluster a stack is; nowhere before its first deploy. */
async function placeOf(stack: Stack, folders: Folders): Promise<ClusterPlace | undefined> {
  const namespace = namespaceIn(await stack.export());
  return namespace === undefined ? undefined : { config: await kubeConfigOf(stack, folders), namespace };
}

async function prepareOther(steps: Steps): Promise<Host> {
  const folders = findFolders();
  const env = await preparePulumi(steps, folders);
  return {
    ...NOTHING_BESIDE,
    ...{ folders, env, isEmpty: false, deliver: () => Promise.resolve(), ...canariesIn(folders) },
    ...clusterHost((stack) => placeOf(stack, folders)),
  };
}

async function prepareOurNode(steps: Steps): Promise<Host> {
  const { folders, engine, env } = await prepare(steps);
  const layout = layoutOf(folders);
  const isEmpty = !hasState(folders);
  const programs = await steps.run("Kubernetes", (report) => buildPrograms(folders, report));
  const wasThere = findCluster(folders, programs) !== undefined;
  await steps.run(
    "Cluster",
    (report) => startCluster(folders, programs, report),
    () => (wasThere ? "was there" : "started"),
  );
  return {
    ...NOTHING_BESIDE,
    folders,
    env: { ...env, KUBECONFIG: layout.kubeconfig },
    isEmpty,
    ...canariesIn(folders),
    ...clusterHost((stack) => placeOf(stack, folders)),
    deliver: async (deliverySteps) => {
      await deliverySteps.run("Images", (report) => bringProductImages(layout, connect(engine.host), report));
    },
  };
}

/** Whether our node has been up and was not taken down since. */
function hasState(folders: Folders): boolean {
  return existsSync(join(layoutOf(folders).etcd, "member"));
}

function environment(stack: string, folders: Folders): Record<string, string> {
  return isOurNode(stack, folders) ? { KUBECONFIG: layoutOf(folders).kubeconfig } : {};
}

/** Within the cluster alone the API is reached through the API server, as kubectl port-forward does it. */
async function reach(
  stack: Stack,
  folders: Folders,
  { url, namespace }: Outputs,
  localPort?: number,
): Promise<Reached> {
  const { hostname, port } = new URL(url);
  const [service = "", , domain] = hostname.split(".");
  if (domain !== "svc" || namespace === undefined) return { url, end: () => Promise.resolve() };
  return forwardPort({
    config: await kubeConfigOf(stack, folders),
    namespace,
    service,
    port: Number(port),
    ...(localPort === undefined ? {} : { localPort }),
  });
}

/** The way to the cluster of a stack. */
export async function kubeConfigOf(stack: Stack, folders: Folders): Promise<KubeConfig> {
  const settings = readStackSettings(stack.name, folders.root);
  return loadKubeConfig({
    path: environment(stack.name, folders)["KUBECONFIG"] ?? settings?.kubernetes.kubeconfig,
    content: settings?.hasKubeconfigSecret === true ? await stack.secret("kubeconfig") : undefined,
    context: settings?.kubernetes.context,
  });
}

async function takeDown(args: TakeDown): Promise<LeftBehind> {
  const { name, folders, steps, keepData, force } = args;
  if (keepData || force)
    throw new UserError(
      `The stack ${name} stands in a cluster, where KEEP_DATA and FORCE do nothing. Its data goes with its namespace. Away without Pulumi: ` +
        "make cluster ARGS=--down for the node of this machine, kubectl delete namespace elsewhere.",
    );
  const isOurs = isOurNode(name, folders);
  if (!(await stackExists(name, folders, () => preparePulumi(steps, folders)))) {
    await dropSalt(name, folders);
    steps.say("  There is no stack; nothing to take down.");
    return NOTHING_LEFT;
  }
  const stack = new Stack(name, folders, { ...(await preparePulumi(steps, folders)), ...environment(name, folders) });
  // Known by the stack alone, and so asked before it goes.
  const namespace = namespaceIn(await stack.export());
  const config = () => kubeConfigOf(stack, folders);
  if (!isOurs) {
    const before = await config();
    await destroy(args);
    return leftInCluster(before, name, namespace);
  }
  const isGone = !hasState(folders);
  if (isGone) steps.say("  The node is gone, and everything in it; only the stack's state is left.");
  else await startOurNode(folders, steps);
  await destroy({ ...args, force: isGone }, { env: environment(name, folders) });
  if (isGone) return NOTHING_LEFT;
  steps.say("  The node is still there. Away with it: make cluster ARGS=--down");
  return leftInCluster(await config(), name, namespace);
}

/** A machine that was started again has the node's state, and not its programs. */
async function startOurNode(folders: Folders, steps: Steps): Promise<void> {
  const programs = await steps.run("Kubernetes", (report) => buildPrograms(folders, report));
  await steps.run("Cluster", (report) => startCluster(folders, programs, report));
}
