import { UserError } from "../command.ts";
import { findFolders } from "../folders.ts";
import { leftOnAws } from "../aws-leftovers.ts";
import { unmanagedOnAws } from "../unmanaged-on-aws.ts";
import { preparePulumi } from "../prepare.ts";
import { dropSalt } from "../stack-file.ts";
import { readStackSettings } from "../stack-settings.ts";
import { Stack, stackExists } from "../stack.ts";
import { destroy } from "./destroy.ts";
import type { PlatformCommands, TakeDown } from "./host.ts";

const plugins = ["aws"] as const;

/** Everything is AWS's: this machine brings Pulumi, credentials of the account, and a Docker engine that images are built and pushed with. */
export const aws: PlatformCommands = {
  plugins,
  prepare: async (_stack, steps) => {
    const folders = findFolders();
    // With it comes a client.
    const { clusterHost } = await import("./cluster-running.ts");
    return {
      folders,
      env: await preparePulumi(steps, folders, plugins),
      isEmpty: false,
      removeUnknown: () => Promise.resolve(0),
      endCanaries: () => Promise.resolve(0),
      checkRoom: () => Promise.resolve(),
      deliver: () => Promise.resolve(),
      // Pulumi's own message has the reasons of AWS and of pods.
      faultyLogs: () => Promise.resolve(""),
      ...clusterHost(placeOf),
    };
  },
  sight: async () => (await import("./cluster-running.ts")).clusterHost(placeOf),
  environment: () => ({}),
  reach: (_stack, _folders, { url }) => Promise.resolve({ url, end: () => Promise.resolve() }),
  cluster: async ({ name }, _folders, { kubeconfig: content }) => {
    // Without content it would be that of this machine's user.
    if (content === undefined)
      throw new UserError(`The stack ${name} says no way to its cluster. Deploy it once: make up STACK=${name}`);
    // A client of a cluster is loaded by who needs one.
    return (await import("../kube-config.ts")).loadKubeConfig({ content });
  },
  unmanaged: ({ name }, folders, deployment) =>
    unmanagedOnAws({ stack: name, regions: readStackSettings(name, folders.root)?.awsRegions ?? [] }, deployment),
  takeDown: async (args) => {
    if (args.keepData || args.force)
      throw new UserError(
        `The stack ${args.name} stands on AWS, where KEEP_DATA and FORCE do nothing. What holds data is protected in prod until ` +
          "slipway:teardown is true and one `make up` has taken the protection off; final snapshots stay.",
      );
    const { name, folders, steps } = args;
    const there = await stackExists(name, folders, () => preparePulumi(steps, folders, plugins));
    // Known by the stack alone, and so asked before it goes.
    const cluster = there ? await clusterName(args) : undefined;
    if (there) await destroy(args, { plugins });
    else steps.say("  There is no stack here; AWS is asked what it has of it.");
    await dropSalt(name, folders);
    const regions = readStackSettings(name, folders.root)?.awsRegions ?? [];
    return leftOnAws({ stack: name, cluster, regions });
  },
};

/** Where in its own cluster a stack is; nowhere before there is one. */
async function placeOf(stack: Stack) {
  const [{ loadKubeConfig }, { kubeconfigIn, namespaceIn }] = await Promise.all([
    import("../kube-config.ts"),
    import("./cluster-running.ts"),
  ]);
  const state = await stack.export();
  const [namespace, kubeconfig] = [namespaceIn(state), kubeconfigIn(state)];
  if (namespace === undefined || kubeconfig === undefined) return undefined;
  return { namespace, config: loadKubeConfig({ content: kubeconfig }) };
}

async function clusterName({ name, folders, steps }: TakeDown): Promise<string | undefined> {
  const stack = new Stack(name, folders, await preparePulumi(steps, folders, plugins));
  // A stack that never came up has no outputs.
  const outputs = await stack.outputs().catch(() => undefined);
  return outputs?.cluster;
}
