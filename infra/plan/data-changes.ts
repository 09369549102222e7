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
  "kubernetes:apps/v1:StatefulSet": "Postgres or Redis",
  "random:index/randomPassword:RandomPassword": "opens a server, or all backups",
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
    const [chain = "", name = ""] = urn.split("::").slice(-2);
    const type = chain.split("$").at(-1) ?? "";
    if (what !== undefined && Object.hasOwn(DATA_TYPES, type) && !allowed.includes(name))
      found.set(urn, { what, type, name });
  }
  return [...found.values()];
}

/** The same for people: what would be lost, and how to let it go. */
export function describeDataChanges(stack: string, changes: readonly DataChange[]): string {
  const names = [...new Set(changes.map(({ name }) => name))];
  return [
    `Pulumi.${stack}.yaml: data would be lost; nothing was changed.`,
    ...changes.map(({ what, type, name }) => `  - ${name} (${type}) would be ${what}d: ${DATA_TYPES[type] ?? "data"}`),
    `Is that meant, name each in slipway:allowReplace: ${names.join(", ")}. Else take back what asks for it.`,
  ].join("\n");
}
