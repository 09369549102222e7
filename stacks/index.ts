import { getStack, runtime } from "@pulumi/pulumi";
import { withRelease } from "../configs/stack-release.ts";
import { parseStackConfig } from "../configs/stack.ts";
import { allowedByCaller, allowReplace } from "../infra/allow-replace.ts";
import { keepSecretsOutOfDebugLog } from "../infra/debug-log.ts";
import { readRawConfig } from "../infra/raw-config.ts";

keepSecretsOutOfDebugLog();

/** The entry point of `pulumi up`: the stack's file is parsed once, and its platform is picked. */
const config = withRelease(parseStackConfig(getStack(), readRawConfig()));

runtime.registerStackTransformation(allowReplace([...config.allowReplace, ...allowedByCaller(process.env)]));

/** Loaded when it is picked: each brings an SDK along that takes its time. */
const PLATFORM_STACKS = {
  docker: async () => (await import("./dev.ts")).dev(config),
  kubernetes: async () => (await import("./cluster.ts")).cluster(config),
  aws: async () => (await import("./prod.ts")).prod(config),
} as const satisfies Record<typeof config.platform, () => Promise<unknown>>;

export default await PLATFORM_STACKS[config.platform]();
