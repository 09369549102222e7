import { z } from "zod";
import type { Front } from "../../toolchain/aws/front.ts";
import { askAws } from "./pod-identity-agent.ts";

/** What AWS Backup has in a region, as somebody sees it who asks past Pulumi. */
export interface SeenBackups {
  readonly vaults: readonly z.infer<typeof vaultSchema>[];
  /** Texts of the vaults' access policies. */
  readonly policies: readonly string[];
  readonly rules: readonly z.infer<typeof ruleSchema>[];
  /** ARNs of everything that is backed up. */
  readonly selected: readonly string[];
}

const vaultSchema = z.object({
  ...{ BackupVaultName: z.string(), BackupVaultArn: z.string(), Locked: z.boolean() },
  ...{ MinRetentionDays: z.number().optional(), MaxRetentionDays: z.number().optional() },
});
const ruleSchema = z.object({
  ...{ RuleName: z.string(), TargetBackupVaultName: z.string(), Lifecycle: z.object({ DeleteAfterDays: z.number() }) },
  EnableContinuousBackup: z.boolean(),
  CopyActions: z.array(z.object({ DestinationBackupVaultArn: z.string() })).default([]),
});

const vaultsSchema = z.object({ BackupVaultList: z.array(vaultSchema) });
const policySchema = z.object({ Policy: z.string() });
const plansSchema = z.object({ BackupPlansList: z.array(z.object({ BackupPlanId: z.string() })) });
const planSchema = z.object({ BackupPlan: z.object({ Rules: z.array(ruleSchema) }) });
const selectionsSchema = z.object({ BackupSelectionsList: z.array(z.object({ SelectionId: z.string() })) });
const selectionSchema = z.object({ BackupSelection: z.object({ Resources: z.array(z.string()) }) });

export async function seenBackups(front: Front, region: string): Promise<SeenBackups> {
  const get = async <Schema extends z.ZodType>(schema: Schema, path: string) =>
    schema.parse(await (await askAws(front, region, "backup", path)).json());
  const { BackupVaultList: vaults } = await get(vaultsSchema, "/backup-vaults/");
  const policies: string[] = [];
  for (const { BackupVaultName: name } of vaults)
    policies.push((await get(policySchema, `/backup-vaults/${name}/access-policy`)).Policy);
  const rules: z.infer<typeof ruleSchema>[] = [];
  const selected: string[] = [];
  for (const { BackupPlanId: plan } of (await get(plansSchema, "/backup/plans/")).BackupPlansList) {
    const path = `/backup/plans/${plan}`;
    rules.push(...(await get(planSchema, path)).BackupPlan.Rules);
    for (const { SelectionId: id } of (await get(selectionsSchema, `${path}/selections/`)).BackupSelectionsList)
      selected.push(...(await get(selectionSchema, `${path}/selections/${id}`)).BackupSelection.Resources);
  }
  return { vaults, policies, rules, selected };
}
