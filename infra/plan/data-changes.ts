import { z } from "zod";
import { nameOf, typeOf } from "./urn.ts";

/**
 * What a preview would do to data. The engine stops one that would replace or delete what is protected, in prod; this tells it of every stack, from the
 * steps that `pulumi preview --json` prints.
 */

/** A step of a preview, as far as it is looked at. */
export interface PreviewStep {
  /** Such as `same`, `update`, `replace`, `delete`. */
  readonly op: string;
  /** `urn:pulumi:<stack>::<project>::<types>::<name>` */
  readonly urn: string;
}

const previewSchema = z.looseObject({
  steps: z.array(z.looseObject({ op: z.string(), urn: z.string() })).default([]),
});

/** The steps in what `pulumi preview --json` prints. */
export function previewSteps(text: string): readonly PreviewStep[] {
  return previewSchema.parse(JSON.parse(text)).steps;
}

/** Something that is lost for good, or made anew without what was in it. */
export interface DataChange {
  readonly what: "delete" | "replace";
  /** Such as `aws:rds/instance:Instance`. */
  readonly type: string;
  /** Logical name: who allows it says this. */
  readonly name: string;
}

/** Types of what holds data, or opens it, and why. */
const DATA_TYPES: Readonly<Record<string, string>> = {
  "aws:rds/instance:Instance": "Postgres",
  "aws:elasticache/replicationGroup:ReplicationGroup": "Redis",
  "aws:s3/bucket:Bucket": "artifacts",
  "aws:backup/vault:Vault": "backups",
  "aws:ecr/repository:Repository": "images to go back to",
  "aws:kms/key:Key": "opens all that was encrypted with it",
  "docker:index/volume:Volume": "Postgres, Redis, artifacts or backups",
  "kubernetes:core/v1:PersistentVolumeClaim": "Postgres, Redis or artifacts",
  "kubernetes:core/v1:Namespace": "all volumes in it",
  "random:index/randomPassword:RandomPassword": "opens all backups",
};

/** Of types that hold other things too, the names that are meant: what a server's password, a secret's file or a socket was can be made anew. */
const ONLY: Readonly<Record<string, RegExp>> = {
  "random:index/randomPassword:RandomPassword": /^backup-key$/,
  "docker:index/volume:Volume": /^(?!secrets-|socket-|edge$)/,
};

/** A replacement is told as up to three steps. */
const LOSSES: Readonly<Record<string, DataChange["what"]>> = {
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
};

/**
 * Data that a preview would delete or make anew, each once, but for what is allowed.
 *
 * @param allowed logical names
 */
export function dataChanges(steps: readonly PreviewStep[], allowed: readonly string[] = []): readonly DataChange[] {
  const found = new Map<string, DataChange>();
  for (const { op, urn } of steps) {
    const what = Object.hasOwn(LOSSES, op) ? LOSSES[op] : undefined;
    const [type, name] = [typeOf(urn), nameOf(urn)];
    if (what !== undefined && isData(type, name) && !allowed.includes(name)) found.set(urn, { what, type, name });
  }
  return [...found.values()];
}

function isData(type: string, name: string): boolean {
  return Object.hasOwn(DATA_TYPES, type) && (!Object.hasOwn(ONLY, type) || (ONLY[type]?.test(name) ?? false));
}

/**
 * The same for people: what would be lost, and how to let it go.
 *
 * @param how what to call to let all of them go, but for the names
 */
export function describeDataChanges(stack: string, changes: readonly DataChange[], how: string): string {
  const names = [...new Set(changes.map(({ name }) => name))];
  return [
    `Pulumi.${stack}.yaml: data would be lost; nothing was changed.`,
    ...changes.map(({ what, type, name }) => `  - ${name} (${type}) would be ${what}d: ${DATA_TYPES[type] ?? "data"}`),
    `If that is meant, name each for this once: ${how}='${names.join(" ")}'. Else take back what asks for it.`,
  ].join("\n");
}
