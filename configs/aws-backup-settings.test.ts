import { describe, expect, it } from "vitest";
import {
  awsBackupFaults,
  awsBackupSchema,
  copyAccount,
  retentionBounds,
  type BackupSurroundings,
} from "./aws-backup-settings.ts";

const AROUND: BackupSurroundings = {
  ...{ environment: "prod", region: "eu-central-1", account: "123456789012" },
  ...{ backupWindow: "02:00-03:00", maintenanceWindow: "sun:04:00-sun:05:00" },
};
const VAULT = "arn:aws:backup:eu-west-1:210987654321:backup-vault:slipway";

const faultsOf = (settings: object, around: object = {}) =>
  awsBackupFaults(awsBackupSchema.parse({ copyRegion: "eu-west-1", ...settings }), { ...AROUND, ...around }).map(
    ([path, message]) => `${path}: ${message}`,
  );

describe("aws.data.backup", () => {
  it("keeps daily backups 35 days and weekly ones a year, under a lock that can be taken off, where nothing is said", () => {
    const settings = awsBackupSchema.parse({});
    expect(settings).toEqual({
      ...{ at: "06:00", weeklyOn: "sun", dailyKeepDays: 35, weeklyKeepDays: 365, drillDays: 7 },
      lock: { mode: "governance", minRetentionDays: 28 },
    });
    expect(retentionBounds(settings)).toEqual({ min: 28, max: 365 });
    expect(copyAccount(settings)).toBeUndefined();
  });

  it.each([
    [{ at: "6:00" }, /time of day, UTC/],
    [{ at: "24:00" }, /time of day, UTC/],
    [{ weeklyOn: "sunday" }, /weeklyOn/],
    [{ dailyKeepDays: 27 }, />=28/],
    [{ dailyKeepDays: 36 }, /<=35/],
    [{ weeklyKeepDays: 34 }, />=35/],
    [{ lock: { mode: "none" } }, /mode/],
    [{ lock: { coolingOffDays: 2 } }, />=3/],
    [{ copyRegion: "Ireland" }, /must be a region, such as eu-west-1, or none/],
    [{ copyVaultArn: "slipway" }, /must be the ARN of a vault/],
    [{ copyTo: "eu-west-1" }, /Unrecognized key/],
  ])("%j is refused", (settings, message) => {
    expect(awsBackupSchema.safeParse(settings).error?.message).toMatch(message);
  });
});

describe("what backups say against the rest of the file", () => {
  it("is nothing where they go together", () => {
    expect(faultsOf({ copyVaultArn: VAULT })).toEqual([]);
    expect(faultsOf({ lock: { mode: "compliance", coolingOffDays: 14, maxRetentionDays: 400 } })).toEqual([]);
  });

  it("is the second region, which prod has to say, if only that there is none", () => {
    const unsaid = awsBackupFaults(awsBackupSchema.parse({}), AROUND);
    expect(unsaid).toEqual([["copyRegion", expect.stringMatching(/second region.*or none/)]]);
    expect(awsBackupFaults(awsBackupSchema.parse({}), { ...AROUND, environment: "dev" })).toEqual([]);
    expect(faultsOf({ copyRegion: "none" })).toEqual([]);
    expect(faultsOf({ copyRegion: "eu-central-1" })).toEqual([
      "copyRegion: must be another region than the stack's own",
    ]);
  });

  it("is the second account, which has to be another", () => {
    expect(faultsOf({ copyVaultArn: VAULT.replace("210987654321", AROUND.account) })).toEqual([
      expect.stringMatching(/^copyVaultArn: must be a vault of another account/),
    ]);
  });

  it("is a lock that would take no backup, or that nobody could take off", () => {
    expect(faultsOf({ lock: { minRetentionDays: 36 } })).toEqual([
      "lock.minRetentionDays: must be at most dailyKeepDays, 35: the vault would take no daily backup",
    ]);
    expect(faultsOf({ lock: { maxRetentionDays: 364 } })).toEqual([
      "lock.maxRetentionDays: must be at least weeklyKeepDays, 365: the vault would take no weekly backup",
    ]);
    expect(faultsOf({ lock: { mode: "compliance" } })).toEqual([
      expect.stringMatching(/^lock.coolingOffDays: must be 3 days or more.*nobody takes the lock off/),
    ]);
    expect(faultsOf({ lock: { coolingOffDays: 3 } })).toEqual([
      expect.stringMatching(/^lock.coolingOffDays: must be left out .* governance/),
    ]);
  });

  it.each([
    ["01:00", []],
    ["01:01", ["backupWindow"]],
    ["02:59", ["backupWindow"]],
    ["03:00", []],
    ["03:01", ["maintenanceWindow"]],
    ["04:59", ["maintenanceWindow"]],
    ["05:00", []],
    ["23:30", []],
  ])("is a beginning at %s, which meets %j of the database", (at, windows) => {
    const faults = faultsOf({ at });
    expect(faults).toHaveLength(windows.length);
    for (const window of windows) expect(faults[0]).toContain(`at: must not be within database.${window}`);
  });
});
