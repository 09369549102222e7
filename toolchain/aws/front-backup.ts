import { randomUUID } from "node:crypto";
import { z } from "zod";
import { parseBody, Shelf, tagsSchema, type Tags } from "./front-rest.ts";
import {
  ACCOUNT,
  json,
  now,
  WireError,
  type AskMoto,
  type AwsAnswer,
  type AwsHandler,
  type AwsRequest,
} from "./front-wire.ts";

/**
 * AWS Backup: plans that change and that end with their selections, selections, and policies of vaults, which moto lacks. Vaults and their locks are
 * moto's. Nothing is backed up: no vault has a recovery point.
 */

const planSchema = z.looseObject({ BackupPlanName: z.string(), Rules: z.array(z.looseObject({})) });
const createSchema = z.object({ BackupPlan: planSchema, BackupPlanTags: tagsSchema.default({}) });
const selectionSchema = z.object({
  BackupSelection: z.looseObject({ SelectionName: z.string(), IamRoleArn: z.string() }),
});
const policySchema = z.object({ Policy: z.string() });

interface BackupPlan {
  readonly id: string;
  readonly arn: string;
  readonly version: string;
  readonly createdAt: number;
  readonly plan: z.infer<typeof planSchema>;
  readonly tags: Tags;
}

interface BackupSelection {
  readonly id: string;
  readonly planId: string;
  readonly createdAt: number;
  readonly selection: z.infer<typeof selectionSchema>["BackupSelection"];
}

interface Known {
  readonly plans: Shelf<BackupPlan>;
  readonly selections: Shelf<BackupSelection>;
  /** By region and name of the vault. */
  readonly policies: Map<string, string>;
}

export function backup(): AwsHandler {
  const known: Known = {
    plans: new Shelf("backup plan"),
    selections: new Shelf("backup selection"),
    policies: new Map(),
  };
  return (request, ask) => {
    // Some SDKs end a path with a slash, some do not.
    const [first, second, id, kind, inner] = request.path.filter((part) => part !== "");
    if (first === "backup" && second === "plans") {
      if (kind === "selections") return selections(request, { planId: id ?? "", id: inner }, known);
      return kind === undefined ? plans(request, id, known) : undefined;
    }
    if (first === "backup-vaults" && second !== undefined) return vaults(request, { name: second, kind: id }, known);
    if ((first === "tags" || first === "untag") && second !== undefined) return tags(request, ask, second, known);
    return undefined;
  };
}

function plans(request: AwsRequest, id: string | undefined, { plans: shelf, selections: chosen }: Known): AwsAnswer {
  if (id === undefined)
    return request.method === "GET"
      ? json({ BackupPlansList: shelf.list(({ arn }) => isOf(request, arn)).map(head) })
      : create(request, shelf);
  const before = shelf.get(id);
  switch (request.method) {
    case "GET":
      return json({ ...head(before), BackupPlan: before.plan });
    case "POST": {
      const { BackupPlan } = parseBody(createSchema, request);
      shelf.set(id, { ...before, plan: BackupPlan, version: randomUUID() });
      return json(head(shelf.get(id)));
    }
    case "DELETE":
      if (chosen.list(({ planId }) => planId === id).length > 0)
        throw new WireError(
          "InvalidRequestException",
          "Related backup plan selections must be deleted prior to backup plan deletion",
        );
      return json({ ...head(shelf.take(id)), DeletionDate: now() });
    default:
      throw new WireError("InvalidRequestException", `${request.method} of a backup plan is not simulated.`);
  }
}

/** Every region has plans of its own. */
function isOf({ region }: AwsRequest, arn: string): boolean {
  return arn.split(":")[3] === region;
}

function create(request: AwsRequest, shelf: Shelf<BackupPlan>): AwsAnswer {
  const { BackupPlan: plan, BackupPlanTags } = parseBody(createSchema, request);
  if (shelf.list((other) => other.plan.BackupPlanName === plan.BackupPlanName).length > 0)
    throw new WireError("AlreadyExistsException", "Backup plan with the same plan document already exists");
  const id = randomUUID();
  const arn = `arn:aws:backup:${request.region}:${ACCOUNT}:backup-plan:${id}`;
  const made = { id, arn, version: randomUUID(), createdAt: now(), plan, tags: BackupPlanTags };
  shelf.add(id, made);
  return json(head(made));
}

function head({ id, arn, version, createdAt, plan }: BackupPlan): object {
  const { BackupPlanName } = plan;
  return { BackupPlanId: id, BackupPlanArn: arn, VersionId: version, CreationDate: createdAt, BackupPlanName };
}

function selections(
  request: AwsRequest,
  { planId, id }: { readonly planId: string; readonly id: string | undefined },
  { plans: shelf, selections: chosen }: Known,
): AwsAnswer {
  shelf.get(planId);
  const own = chosen.list((one) => one.planId === planId);
  if (id === undefined) {
    if (request.method === "GET") return json({ BackupSelectionsList: own.map(summary) });
    const { BackupSelection: selection } = parseBody(selectionSchema, request);
    if (own.some((one) => one.selection.SelectionName === selection.SelectionName))
      throw new WireError("AlreadyExistsException", `Backup selection ${selection.SelectionName} is there already.`);
    const made = { id: randomUUID(), planId, createdAt: now(), selection };
    chosen.add(made.id, made);
    return json(summary(made));
  }
  if (request.method === "DELETE") chosen.take(id);
  return json(
    request.method === "DELETE" ? {} : { ...summary(chosen.get(id)), BackupSelection: chosen.get(id).selection },
  );
}

function summary({ id, planId, createdAt, selection }: BackupSelection): object {
  const { SelectionName, IamRoleArn } = selection;
  return { SelectionId: id, BackupPlanId: planId, CreationDate: createdAt, SelectionName, IamRoleArn };
}

function vaults(
  request: AwsRequest,
  { name, kind }: { readonly name: string; readonly kind: string | undefined },
  { policies }: Known,
): AwsAnswer | undefined {
  if (kind === "recovery-points") return json({ RecoveryPoints: [] });
  if (kind !== "access-policy") return undefined;
  const key = `${request.region}/${name}`;
  if (request.method === "PUT") policies.set(key, parseBody(policySchema, request).Policy);
  if (request.method === "DELETE") policies.delete(key);
  if (request.method !== "GET") return json({});
  const Policy = policies.get(key);
  if (Policy === undefined) throw new WireError("ResourceNotFoundException", `Vault ${name} has no access policy.`);
  return json({ BackupVaultName: name, BackupVaultArn: vaultArn(request, name), Policy });
}

function vaultArn({ region }: AwsRequest, name: string): string {
  return `arn:aws:backup:${region}:${ACCOUNT}:backup-vault:${name}`;
}

/** Those of plans are here; those of vaults are moto's, which takes the ARN from the end of the path, with a slash or without. */
function tags(request: AwsRequest, ask: AskMoto, arn: string, { plans: shelf }: Known): AwsAnswer | Promise<AwsAnswer> {
  const found = shelf.find((plan) => plan.arn === arn);
  if (found === undefined) {
    const path = `/${request.path[0] ?? ""}/${encodeURIComponent(arn)}`;
    return ask({ ...request, url: request.method === "GET" ? `${path}/` : path });
  }
  const [id, plan] = found;
  if (request.method === "GET") return json({ Tags: plan.tags });
  const input = parseBody(
    z.object({ Tags: tagsSchema.default({}), TagKeyList: z.array(z.string()).default([]) }),
    request,
  );
  const left = Object.entries(plan.tags).filter(([key]) => !input.TagKeyList.includes(key));
  shelf.set(id, { ...plan, tags: { ...Object.fromEntries(left), ...input.Tags } });
  return json({});
}
