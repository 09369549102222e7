import { z } from "zod";
import { UserError } from "../toolchain/command.ts";
import { isSealed, SECRET, SIGNATURE } from "./property-paths.ts";

/**
 * What stands in the place of secrets where a stack is looked at without what opens them. Nothing of a secret goes into it, its length
 * neither.
 */

/** Fits passwords, keys and seeds: 44 letters, which are also the base64url of 33 bytes. */
export const PLACEHOLDER = "placeholderForPreviewsThatMayNotOpenSecretsA";

/** Of secrets that are no plain text, by their name in the stack's file. */
const SHAPES: Readonly<Record<string, string>> = {
  jwtKeys: '{"keys":[]}',
  jwtKeysSecond: '{"keys":[]}',
  hmacKeys: '{"keys":[]}',
};

const fileSchema = z.looseObject({ config: z.record(z.string(), z.unknown()).default({}) });

/** A stack's file without anything that is closed, and what to set in its place. */
export interface OpenFile {
  readonly content: Readonly<Record<string, unknown>>;
  /** By key, such as `slipway:databasePassword`. */
  readonly placeholders: Readonly<Record<string, string>>;
}

/** Keys of a stack's file that say what closes its secrets. */
const PROVIDERS: readonly string[] = ["encryptionsalt", "encryptedkey", "secretsprovider"];

/**
 * Takes what is closed out of a stack's file.
 *
 * @param file as it was parsed
 * @throws UserError where its cluster can only be reached by a secret
 */
export function openFile(stack: string, file: unknown): OpenFile {
  const { config, ...rest } = fileSchema.parse(file);
  const closed = Object.entries(config).filter(([, value]) => isClosed(value));
  if (closed.some(([key]) => key === "slipway:kubeconfig"))
    throw new UserError(
      `Pulumi.${stack}.yaml: slipway:kubeconfig is a secret, and without it nothing is known of the cluster. Name a file by ` +
        "slipway:kubernetes.kubeconfig for a role that may only read, or preview this stack without --sealed.",
    );
  const open = Object.entries(config).filter(([, value]) => !isClosed(value));
  const others = Object.entries(rest).filter(([key]) => !PROVIDERS.includes(key));
  return {
    content: { ...Object.fromEntries(others), config: Object.fromEntries(open) },
    placeholders: Object.fromEntries(closed.map(([key]) => [key, SHAPES[key.split(":").at(-1) ?? ""] ?? PLACEHOLDER])),
  };
}

/** `{ secure: v1:... }`, at any depth. */
function isClosed(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "secure") || Object.values(value).some(isClosed);
}

const propertiesSchema = z.record(z.string(), z.unknown());
const resourceSchema = z.looseObject({
  type: z.string(),
  inputs: propertiesSchema.optional(),
  outputs: propertiesSchema.optional(),
});

const stateSchema = z.looseObject({
  deployment: z.looseObject({ resources: z.array(resourceSchema).optional() }),
});

/** What bridged plugins keep for themselves; it tells of the shape of what is closed, and they do without it. */
const OWN_TO_PLUGIN = "__pulumi_raw_state_delta";

/**
 * A state, as `pulumi stack export` gives it, with a placeholder for each secret, under another passphrase.
 *
 * @param salt of the passphrase
 */
export function openState(state: unknown, salt: string): unknown {
  const { deployment, ...rest } = stateSchema.parse(state);
  const { resources = [], ...more } = deployment;
  return {
    ...rest,
    deployment: {
      ...more,
      pending_operations: [],
      secrets_providers: { type: "passphrase", state: { salt } },
      resources: resources.map(openResource),
    },
  };
}

/**
 * What is under a seal as a whole in what went in is left out, as nothing tells its shape: the program says it anew. What comes out alone is what
 * programs read, and a text.
 */
function openResource({ inputs = {}, outputs, ...resource }: z.infer<typeof resourceSchema>): unknown {
  const isLeftOut = (key: string) => key === OWN_TO_PLUGIN || isSealed(inputs[key]);
  // Often what comes out is under a seal as a whole where what went in was not: its shape is known by that.
  const open = (properties: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries(properties)
        .filter(([key]) => !isLeftOut(key))
        .map(([key, value]) => [key, opened(value, plain(inputs[key] ?? PLACEHOLDER))]),
    );
  return { ...resource, inputs: open(inputs), ...(outputs === undefined ? {} : { outputs: open(outputs) }) };
}

/** A value with what stands for a secret under a seal; its shape, where all of it is under one. */
function opened(value: unknown, shape: unknown): unknown {
  if (isSealed(value)) return { [SIGNATURE]: SECRET, plaintext: JSON.stringify(shape) };
  return mapped(value, (inner) => opened(inner, PLACEHOLDER));
}

/** A value with placeholders for what is under a seal, and no seal. */
function plain(value: unknown): unknown {
  return isSealed(value) ? PLACEHOLDER : mapped(value, plain);
}

function mapped(value: unknown, change: (inner: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner)]));
}
