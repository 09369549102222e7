import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { startFront, providerSettings, type Front, type FrontOptions } from "../../toolchain/aws/front.ts";
import { startMoto } from "../../toolchain/aws/moto.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { makeProductStack, type TestProgram } from "../cluster/program.ts";

/** AWS as moto and the server before it play it; nothing of it is real, and nothing of it is kept. */
export interface SimulatedAws {
  readonly front: Front;
  /** Asks an API of AWS past Pulumi, as somebody else would, and gives what it answers. */
  end(): Promise<void>;
}

export async function useSimulatedAws(options: FrontOptions = {}): Promise<SimulatedAws> {
  const moto = await startMoto(findFolders());
  const front = await startFront(moto.url, options);
  return {
    front,
    end: async () => {
      await front.close();
      await moto.end();
    },
  };
}

/** Loaded instead of the program's own entry: every provider of AWS speaks to the simulated one, whatever else the program says of it. */
const ENTRY = `
import { runtime } from "@pulumi/pulumi";

const simulated = JSON.parse(process.env.SLIPWAY_SIMULATED_AWS);
runtime.registerStackTransformation(({ type, props, opts }) =>
  type === "pulumi:providers:aws" ? { props: { ...props, ...simulated }, opts } : undefined,
);

export default (await import("./index.ts")).default;
`;

export interface AwsStackOptions {
  /** Of the stack's file: values by their keys, such as `slipway:aws`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What Pulumi reads besides. @default nothing */
  readonly env?: Readonly<Record<string, string>>;
}

/** The repository's own program on the simulated AWS, in a copy. */
export async function makeAwsStack({ front }: SimulatedAws, { config, env }: AwsStackOptions): Promise<TestProgram> {
  // A provider's settings are JSON on the wire, but for strings. The region stays the stack's own, and keys come as a user's do.
  const simulated = Object.entries(providerSettings(front, "us-east-1"))
    .filter(([name]) => !["region", "accessKey", "secretKey"].includes(name))
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
  const stack = await makeProductStack({
    change: (checkout) => {
      checkout.write("stacks/simulated.ts", ENTRY);
      checkout.edit("Pulumi.yaml", "main: stacks/index.ts", "main: stacks/simulated.ts");
    },
    plugins: ["aws"],
    env: {
      ...env,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      // Where the commands look for what bears the stack's tag.
      AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API: front.url,
      SLIPWAY_SIMULATED_AWS: JSON.stringify(Object.fromEntries(simulated)),
    },
  });
  const path = join(stack.folder, "Pulumi.test.yaml");
  const file = parse(readFileSync(path, "utf8")) as object;
  writeFileSync(path, stringify({ ...file, config }));
  return stack;
}
