import { UserError } from "../command.ts";
import { findFolders } from "../folders.ts";
import { preparePulumi } from "../prepare.ts";
import { destroy } from "./destroy.ts";
import type { PlatformCommands } from "./host.ts";

const plugins = ["aws"] as const;

/** Everything is AWS's: this machine brings Pulumi, credentials of the account, and a Docker engine that images are built and pushed with. */
export const aws: PlatformCommands = {
  plugins,
  prepare: async (_stack, steps) => {
    const folders = findFolders();
    return {
      folders,
      env: await preparePulumi(steps, folders, plugins),
      isEmpty: false,
      removeUnknown: () => Promise.resolve(0),
      checkRoom: () => Promise.resolve(),
      deliver: () => Promise.resolve(),
      // Pulumi's own message has the reasons of AWS and of pods.
      faultyLogs: () => Promise.resolve(""),
    };
  },
  environment: () => ({}),
  reach: (_stack, _folders, { url }) => Promise.resolve({ url, end: () => Promise.resolve() }),
  takeDown: async (args) => {
    if (args.keepData || args.force)
      throw new UserError(
        `The stack ${args.name} stands on AWS, where KEEP_DATA and FORCE do nothing. What holds data is protected in prod until ` +
          "slipway:aws.teardown is true and one `make up` has taken the protection off; final snapshots stay.",
      );
    await destroy(args, { plugins });
  },
};
