import { getProject, runtime } from "@pulumi/pulumi";
import type { RawConfig } from "../configs/stack.ts";

/** What the engine holds below this project's name, without the prefix. */
export function readRawConfig(): RawConfig {
  const prefix = `${getProject()}:`;
  const own = Object.entries(runtime.allConfig()).filter(([key]) => key.startsWith(prefix));
  // The SDK hands the names of secret keys over in this variable and offers no function for them.
  const secretKeys = new Set(JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] ?? "[]") as string[]);
  return {
    values: Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])),
    isSecret: (key) => secretKeys.has(prefix + key),
  };
}
