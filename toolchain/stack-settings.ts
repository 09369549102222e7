import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { PLATFORMS } from "../configs/stack-fields.ts";
import { UserError } from "./command.ts";

/** Where the edge of a stack on a Docker engine listens. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

const server = z.object({ external: z.unknown().optional() }).prefault({});

const kubernetes = z.object({
  /** Where they are whose servers are not the stack's own: that they are named is all that counts here. */
  postgres: server,
  redis: server,
  kubeconfig: z.string().optional(),
  context: z.string().optional(),
  namespace: z.string().optional(),
  importedImages: z.boolean().default(false),
});

const aws = z.object({
  region: z.string(),
  data: z.object({ objects: z.object({ replicaRegion: z.string().optional() }).prefault({}) }).prefault({}),
});

/** What commands have to know of a stack's file before the program reads it; a file with faults is left to the program, which lists them all. */
const fileSchema = z.object({
  config: z.object({
    "slipway:platform": z.enum(PLATFORMS),
    "slipway:edge": z.object({ address: z.string().default("127.0.0.1"), port: z.int().default(8080) }).prefault({}),
    "slipway:kubernetes": kubernetes.prefault({}),
    "slipway:aws": aws.optional(),
    "slipway:allowReplace": z.array(z.string()).default([]),
    /** A secret: it is there or not. */
    "slipway:kubeconfig": z.unknown().optional(),
  }),
});

export interface StackSettings {
  readonly platform: (typeof PLATFORMS)[number];
  readonly edge: ListenAddress;
  readonly kubernetes: z.infer<typeof kubernetes>;
  /** Whether the secret `kubeconfig` is set. */
  readonly hasKubeconfigSecret: boolean;
  /** Where the stack has something on AWS: its own region, then that of its copies. */
  readonly awsRegions: readonly string[];
  /** Logical names of data that an `up` may replace or delete. */
  readonly allowReplace: readonly string[];
}

/**
 * Reads what commands have to know of a stack.
 *
 * @param root of the checkout
 * @returns `undefined` where the file has faults
 * @throws UserError where the stack has no file
 */
export function readStackSettings(stack: string, root: string): StackSettings | undefined {
  const path = join(root, `Pulumi.${stack}.yaml`);
  if (!existsSync(path))
    throw new UserError(
      `Pulumi.${stack}.yaml is missing. Copy Pulumi.dev.yaml, or name a stack that has a file: make up STACK=dev`,
    );
  const config = fileSchema.safeParse(parse(readFileSync(path, "utf8"))).data?.config;
  if (config === undefined) return undefined;
  return {
    platform: config["slipway:platform"],
    edge: config["slipway:edge"],
    kubernetes: config["slipway:kubernetes"],
    hasKubeconfigSecret: config["slipway:kubeconfig"] !== undefined,
    awsRegions: [config["slipway:aws"]?.region, config["slipway:aws"]?.data.objects.replicaRegion].filter(
      (region) => region !== undefined,
    ),
    allowReplace: config["slipway:allowReplace"],
  };
}
