import { readFileSync } from "node:fs";
import { z } from "zod";

/**
 * What Pulumi's engine says of a preview, an event a line, in the file that `--event-log` names. It is what the Automation API reads
 * (`EngineEvent` of @pulumi/pulumi/automation); secrets are `[secret]` there.
 */

const stateSchema = z.looseObject({
  custom: z.boolean().default(false),
  inputs: z.record(z.string(), z.unknown()).default({}),
  outputs: z.record(z.string(), z.unknown()).default({}),
});
export type ResourceState = z.infer<typeof stateSchema>;

const metadataSchema = z.looseObject({
  op: z.string(),
  urn: z.string(),
  type: z.string(),
  old: stateSchema.nullish(),
  new: stateSchema.nullish(),
  /** Properties for which it is replaced. */
  keys: z.array(z.string()).nullish(),
  /** Properties that differ, where the provider tells no more. */
  diffs: z.array(z.string()).nullish(),
  detailedDiff: z
    .record(z.string(), z.looseObject({ diffKind: z.string(), inputDiff: z.boolean().default(false) }))
    .nullish(),
});
export type StepMetadata = z.infer<typeof metadataSchema>;

const stepSchema = z.looseObject({ metadata: metadataSchema });

const policySchema = z.looseObject({
  policyName: z.string(),
  enforcementLevel: z.string(),
  message: z.string(),
  resourceUrn: z.string().optional(),
});
export type PolicyResult = z.infer<typeof policySchema>;

const eventSchema = z.looseObject({
  resourcePreEvent: stepSchema.optional(),
  resOutputsEvent: stepSchema.optional(),
  policyEvent: policySchema.optional(),
  diagnosticEvent: z.looseObject({ urn: z.string().optional(), message: z.string(), severity: z.string() }).optional(),
  /** The run came to its end. */
  summaryEvent: z.looseObject({}).optional(),
});
export type EngineEvent = z.infer<typeof eventSchema>;

/**
 * Reads the events of a run that came to its end.
 *
 * @throws Error where a line is none
 */
export function readEvents(path: string): readonly EngineEvent[] {
  return parseEvents(readFileSync(path, "utf8"));
}

/** The events of a text, one a line. */
export function parseEvents(text: string): readonly EngineEvent[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => eventSchema.parse(JSON.parse(line)));
}
