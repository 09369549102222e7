import { getStack } from "@pulumi/pulumi";
import { parseStackConfig } from "../configs/stack.ts";
import { keepSecretsOutOfDebugLog } from "../infra/debug-log.ts";
import { readRawConfig } from "../infra/raw-config.ts";
import { dev } from "./dev.ts";

keepSecretsOutOfDebugLog();

/** The entry point of `pulumi up`: the stack's file is parsed once, and its platform is picked. */
const config = parseStackConfig(getStack(), readRawConfig());

const PLATFORM_STACKS = { docker: dev } as const satisfies Record<typeof config.platform, unknown>;

export default await PLATFORM_STACKS[config.platform](config);
