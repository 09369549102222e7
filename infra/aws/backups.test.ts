import { Provider } from "@pulumi/aws/provider.js";
import { beforeAll, describe, expect, it } from "vitest";
import { awsBackupSchema } from "../../configs/aws-backup-settings.ts";
import { ACCOUNT, arnOf, inputs, KEYS, names, one, policyIn, recordAws, TYPES } from "../../test/pulumi/aws-data.ts";
import { at, listAt } from "../../test/pulumi/kubernetes.ts";
import { known, type RecordedResource } from "../../test/pulumi/recorder.ts";
import { backups, type Backups } from "./backups.ts";
import type { AwsPlace } from "./place.ts";

const DATABASE = arnOf("rds", "database");
const RESTORED = arnOf("rds", "database-20261129t0230");
const BUCKET = "arn:aws:s3:::objects-made";
const OTHER_VAULT = "arn:aws:backup:eu-west-1:210987654321:backup-vault:slipway";
const VAULT = arnOf("backup", "backup");
const COPY = arnOf("backup", "backup-copy");

const make =
  (settings: object = {}) =>
  (place: AwsPlace) => {
    const asked: string[] = [];
    const placeIn = (region: string) => {
      asked.push(region);
      return { ...place, provider: new Provider("elsewhere", { region }, { parent: place.parent }) };
    };
    const made = backups({
      settings: awsBackupSchema.parse({ copyRegion: "eu-west-1", ...settings }),
      databases: { database: DATABASE, "database-20261129t0230": RESTORED },
      ...{ bucket: BUCKET, keys: KEYS, placeIn, account: ACCOUNT, place },
    });
    return { ...made, asked };
  };

interface Made {
  readonly result: Backups & { readonly asked: readonly string[] };
  readonly resources: readonly RecordedResource[];
}

let made: Made;
beforeAll(async () => {
  made = await recordAws(make());
});

const rulesOf = ({ resources }: Made, plan: string) => listAt(inputs(resources, TYPES.backupPlan, plan), "rules");

describe("the vaults", () => {
  it("are one here and one in the other region, with that region's provider and a key of its own", async () => {
    expect(inputs(made.resources, TYPES.vault, "backup")["kmsKeyArn"]).toBe(KEYS.backup);
    expect(one(made.resources, TYPES.vault, "backup").provider).toContain("::aws::");
    for (const type of [TYPES.vault, TYPES.vaultLock, TYPES.vaultPolicy])
      expect(one(made.resources, type, "backup-copy").provider).toContain("::elsewhere::");
    expect(one(made.resources, TYPES.key, "key-backup-copy").provider).toContain("::elsewhere::");
    expect(inputs(made.resources, TYPES.vault, "backup-copy")["kmsKeyArn"]).toBe(arnOf("kms", "key-backup-copy"));
    expect(made.result.asked).toEqual(["eu-west-1"]);
    expect([await known(made.result.vault), made.result.areCopied]).toEqual(["backup-made", true]);
  });

  it("let nobody end a backup early", () => {
    for (const name of ["backup", "backup-copy"]) {
      const { policy, backupVaultName } = inputs(made.resources, TYPES.vaultPolicy, name);
      expect(backupVaultName).toBe(`${name}-made`);
      expect(policyIn(policy).Statement).toEqual([
        {
          ...{ Sid: "NobodyDeletes", Effect: "Deny", Principal: { AWS: "*" }, Resource: "*" },
          Action: [
            ...["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"],
            ...["backup:DisassociateRecoveryPoint", "backup:DeleteBackupVault"],
          ],
        },
      ]);
    }
  });

  it("are locked so that whoever has the right may take the lock off, where nothing else is said", () => {
    for (const name of ["backup", "backup-copy"])
      expect(inputs(made.resources, TYPES.vaultLock, name)).toEqual({
        ...{ backupVaultName: `${name}-made`, minRetentionDays: 28, maxRetentionDays: 365 },
      });
  });

  it("are locked for good after the days that the stack's file gives, where it says so", async () => {
    const lock = { mode: "compliance", coolingOffDays: 14, minRetentionDays: 30, maxRetentionDays: 400 };
    const { resources } = await recordAws(make({ lock }));
    for (const name of ["backup", "backup-copy"])
      expect(inputs(resources, TYPES.vaultLock, name)).toMatchObject({
        ...{ minRetentionDays: 30, maxRetentionDays: 400, changeableForDays: 14 },
      });
  });

  it("lose no lock by a change of it: the one before goes first", () => {
    expect(one(made.resources, TYPES.vaultLock, "backup").deleteBeforeReplace).toBe(true);
  });

  it("are protected with what is in them where the stack keeps its data, and emptied where it is torn down", async () => {
    const gone = await recordAws(make(), { keep: false });
    for (const name of ["backup", "backup-copy"])
      for (const [resources, isKept] of [
        [made.resources, true],
        [gone.resources, false],
      ] as const) {
        const { isProtected, inputs: given, deleteBeforeReplace } = one(resources, TYPES.vault, name);
        expect([isProtected, given["forceDestroy"], deleteBeforeReplace]).toEqual([isKept, !isKept, false]);
      }
  });

  it("are the stack's own alone where no region is named, or none", async () => {
    const alone = await recordAws(make({ copyRegion: "none" }));
    expect(names(alone.resources, TYPES.vault)).toEqual(["backup"]);
    expect([alone.result.asked, alone.result.areCopied]).toEqual([[], false]);
    for (const plan of ["backup-database", "backup-objects"])
      expect(rulesOf(alone, plan).map((rule) => listAt(rule, "copyActions"))).toEqual([[], []]);
  });
});

describe("the plans", () => {
  it("are a backup of each day, kept 35 days, and one of the week, kept a year", () => {
    for (const plan of ["backup-database", "backup-objects"]) {
      const [daily, weekly] = rulesOf(made, plan);
      expect(daily).toMatchObject({
        ...{ ruleName: "daily", targetVaultName: "backup-made", schedule: "cron(0 6 ? * MON,TUE,WED,THU,FRI,SAT *)" },
        ...{ lifecycle: { deleteAfter: 35 }, startWindow: 60, completionWindow: 720 },
      });
      expect(weekly).toMatchObject({
        ...{ ruleName: "weekly", targetVaultName: "backup-made", schedule: "cron(0 6 ? * SUN *)" },
        lifecycle: { deleteAfter: 365 },
      });
    }
  });

  it("begin, and are kept, as the stack's file says", async () => {
    const other = await recordAws(make({ at: "23:05", weeklyOn: "wed", dailyKeepDays: 30, weeklyKeepDays: 730 }));
    const rules = rulesOf(other, "backup-database");
    expect(rules.map((rule) => [at(rule, "schedule"), at(rule, "lifecycle", "deleteAfter")])).toEqual([
      ["cron(5 23 ? * MON,TUE,THU,FRI,SAT,SUN *)", 30],
      ["cron(5 23 ? * WED *)", 730],
    ]);
  });

  it("let artifacts be restored to each second of the daily ones' days, and leave that of Postgres to RDS", () => {
    const continuous = (plan: string) => rulesOf(made, plan).map((rule) => at(rule, "enableContinuousBackup"));
    expect(continuous("backup-objects")).toEqual([true, false]);
    expect(continuous("backup-database")).toEqual([false, false]);
  });

  it("copy each backup to the other region and the other account, for as long", async () => {
    const both = await recordAws(make({ copyVaultArn: OTHER_VAULT }));
    for (const plan of ["backup-database", "backup-objects"])
      for (const rule of rulesOf(both, plan))
        expect(listAt(rule, "copyActions")).toEqual(
          [COPY, OTHER_VAULT].map((destinationVaultArn) => ({ destinationVaultArn, lifecycle: at(rule, "lifecycle") })),
        );
    const other = await recordAws(make({ copyRegion: "none", copyVaultArn: OTHER_VAULT }));
    expect(at(rulesOf(other, "backup-objects")[0], "copyActions", 0, "destinationVaultArn")).toBe(OTHER_VAULT);
    expect(other.result.areCopied).toBe(true);
  });

  it("take each generation of the database and the bucket by their ARNs, with a role that is there", () => {
    const selected = names(made.resources, TYPES.backupSelection).map((name) => {
      const { dependencies, inputs: given } = one(made.resources, TYPES.backupSelection, name);
      expect(given["iamRoleArn"]).toBe(arnOf("iam", "backup"));
      expect(dependencies.some((urn) => urn.endsWith("RolePolicy::backup"))).toBe(true);
      // Not the stack's own prefix too: AWS takes 50 letters, and the name of a generation may have 20.
      expect(given["name"]).toBe(name);
      return [name, given["planId"], given["resources"]];
    });
    expect(selected).toEqual([
      ["backup-database", "backup-database-id", [DATABASE]],
      ["backup-database-20261129t0230", "backup-database-id", [RESTORED]],
      ["backup-objects", "backup-objects-id", [BUCKET]],
    ]);
  });

  it("mark what they make as the stack's", () => {
    expect(at(rulesOf(made, "backup-objects")[0], "recoveryPointTags")).toMatchObject({ "slipway:stack": "unit" });
  });
});

describe("the role of AWS Backup", () => {
  const statements = ({ resources }: Made) =>
    policyIn(inputs(resources, TYPES.rolePolicy, "backup")["policy"]).Statement;
  const resourcesOf = (of: Made, action: string) =>
    statements(of)
      .filter(({ Action }) => [Action].flat().includes(action))
      .flatMap(({ Resource }) => Resource);

  it("is taken for this account alone", () => {
    const [trust] = policyIn(inputs(made.resources, TYPES.role, "backup")["assumeRolePolicy"]).Statement;
    expect(trust).toEqual({
      ...{ Effect: "Allow", Principal: { Service: "backup.amazonaws.com" }, Action: ["sts:AssumeRole"] },
      Condition: { StringEquals: { "aws:SourceAccount": "123456789012" } },
    });
    expect(names(made.resources, TYPES.attachedPolicy)).toEqual([]);
  });

  it("reads the stack's own databases and bucket, and no others", () => {
    expect(resourcesOf(made, "rds:DescribeDBInstances")).toEqual([DATABASE, RESTORED]);
    expect(resourcesOf(made, "s3:ListBucketVersions")).toEqual([BUCKET]);
    expect(resourcesOf(made, "s3:GetObjectVersion")).toEqual([`${BUCKET}/*`]);
    const read = statements(made).find(({ Resource }) => Resource === KEYS.objects);
    expect(read?.["Condition"]).toEqual({ StringEquals: { "kms:ViaService": "s3.eu-central-1.amazonaws.com" } });
  });

  it("makes and deletes snapshots of its own alone, in both regions", () => {
    const own = ["eu-central-1", "eu-west-1"].map(
      (region) => `arn:aws:rds:${region}:123456789012:snapshot:awsbackup:*`,
    );
    for (const action of ["rds:DeleteDBSnapshot", "rds:CopyDBSnapshot"]) expect(resourcesOf(made, action)).toEqual(own);
  });

  it("writes to its vaults alone, and uses the keys of what is there", async () => {
    const both: Made = await recordAws(make({ copyVaultArn: OTHER_VAULT }));
    expect(resourcesOf(both, "backup:CopyIntoBackupVault")).toEqual([VAULT, COPY, OTHER_VAULT]);
    const copyKey = arnOf("kms", "key-backup-copy");
    expect(resourcesOf(both, "kms:GenerateDataKey")).toEqual([KEYS.backup, copyKey]);
    expect(resourcesOf(both, "kms:CreateGrant")).toEqual([KEYS.database, KEYS.backup, copyKey]);
    const grant = statements(both).find(({ Action }) => [Action].flat().includes("kms:CreateGrant"));
    expect(grant?.["Condition"]).toEqual({ Bool: { "kms:GrantIsForAWSResource": "true" } });
  });

  it("restores nothing, deletes no instance, and writes no object", () => {
    const actions = statements(made).flatMap(({ Action }) => Action);
    for (const action of actions)
      expect(String(action)).not.toMatch(/Restore|DeleteDBInstance|ModifyDBInstance|PutObject|\*/);
  });
});
