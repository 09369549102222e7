import { LogGroup } from "@pulumi/aws/cloudwatch/logGroup.js";
import { Instance } from "@pulumi/aws/rds/instance.js";
import { interpolate, type Input, type Output } from "@pulumi/pulumi";
import { LATEST } from "../../configs/aws-generations.ts";
import type { DatabaseSettings } from "../../configs/aws-data-settings.ts";
import type { ResolvedSize } from "../plan/sizes.ts";
import { monitoringRole } from "./monitoring-role.ts";
import { tagged, type AwsAccount, type AwsPlace } from "./place.ts";
import type { MadeRole } from "./role.ts";
import { rotation } from "./rotation.ts";
import { stateful } from "./stateful.ts";

/** Another generation at a moment. */
export interface Restored {
  /** Physical name of the instance that is restored; it may be gone by now. */
  readonly source: Input<string>;
  /** The same, where it is there. */
  readonly instance: Instance | undefined;
  /** UTC, or `latest`. */
  readonly to: string;
}

export interface DatabaseInstanceArgs {
  /** Logical name: `database`, or `database-<generation>`. */
  readonly name: string;
  /** Physical name. */
  readonly identifier: Output<string>;
  /** What it is made of. @default nothing: it begins empty */
  readonly restored?: Restored;
  readonly settings: DatabaseSettings;
  readonly size: ResolvedSize["database"];
  /** GiB up to which RDS adds storage. */
  readonly mostStorageGiB: number;
  /** Names of groups of RDS. */
  readonly groups: { readonly subnets: Input<string>; readonly parameters: Input<string> };
  readonly securityGroupId: Input<string>;
  readonly keys: { readonly database: Input<string>; readonly logs: Input<string>; readonly secrets: Input<string> };
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

export interface DatabaseInstance {
  readonly instance: Instance;
  readonly masterSecretArn: Output<string>;
}

export const PORT = 5432;
export const DATABASE = "slipway";
export const MASTER_USER = "slipway_master";

/** Logs that RDS hands to CloudWatch. */
const LOGS = ["postgresql", "upgrade"] as const;

/** The provider asks for ever where the service never answers as it should; a Multi-AZ instance takes half of this. */
const TIMEOUTS = { create: "60m", update: "80m", delete: "60m" } as const;

/** One instance of the stack's Postgres, and what belongs to it alone. */
export function databaseInstance(args: DatabaseInstanceArgs): DatabaseInstance {
  const { name, identifier, restored, settings, account, place } = args;
  const logs = logGroups(args);
  const monitoring = monitoringRole({ name: `${name}-monitoring`, identifier, account, place });
  const instance = new Instance(
    name,
    {
      identifier,
      ...engine(args),
      ...storage(args),
      ...access(args),
      ...(restored === undefined ? begin(args) : restoration(restored)),
      ...backups(settings, identifier),
      ...watching(args, monitoring),
      tags: tagged(place, name),
    },
    stateful(place, {
      customTimeouts: TIMEOUTS,
      // A log group that RDS makes itself is not encrypted with our key, and is kept for ever. The role is tried at once.
      dependsOn: [...logs, ...monitoring.rights, ...(restored?.instance ? [restored.instance] : [])],
      // What it was made of is over once it is there: that the other one goes, or is named otherwise, makes no new instance.
      ...(restored === undefined ? {} : { ignoreChanges: ["restoreToPointInTime"] }),
    }),
  );
  const masterSecretArn = secretOf(instance, name);
  const { masterRotationDays: days } = settings;
  if (days !== undefined) rotation({ name: `${name}-master`, secretArn: masterSecretArn, days, place });
  return { instance, masterSecretArn };
}

/** What one that is restored has of the other: RDS refuses less storage than that has grown to. */
function begin({ size }: DatabaseInstanceArgs) {
  return { allocatedStorage: size.storageGiB, dbName: DATABASE, username: MASTER_USER };
}

function restoration({ source, to }: Restored) {
  const moment = to === LATEST ? { useLatestRestorableTime: true } : { restoreTime: to };
  return { restoreToPointInTime: { sourceDbInstanceIdentifier: source, ...moment } };
}

function engine({ settings, size, groups, place }: DatabaseInstanceArgs) {
  return {
    engine: "postgres",
    engineVersion: settings.engineVersion,
    autoMinorVersionUpgrade: false,
    allowMajorVersionUpgrade: false,
    // Never in the middle of a day: what restarts it waits for the maintenance window.
    applyImmediately: false,
    instanceClass: size.instanceClass,
    multiAz: true,
    parameterGroupName: groups.parameters,
    maintenanceWindow: settings.maintenanceWindow,
    deletionProtection: place.keep,
  };
}

function storage({ size, mostStorageGiB, keys }: DatabaseInstanceArgs) {
  return {
    storageType: "gp3",
    // What is as great as it may be does not grow.
    ...(mostStorageGiB > size.storageGiB ? { maxAllocatedStorage: mostStorageGiB } : {}),
    storageEncrypted: true,
    kmsKeyId: keys.database,
  };
}

function access({ groups, securityGroupId, keys }: DatabaseInstanceArgs) {
  return {
    port: PORT,
    // RDS makes it, keeps it in Secrets Manager and changes it: it is in no state and no log of ours.
    manageMasterUserPassword: true,
    masterUserSecretKmsKeyId: keys.secrets,
    iamDatabaseAuthenticationEnabled: true,
    caCertIdentifier: "rds-ca-rsa2048-g1",
    publiclyAccessible: false,
    dbSubnetGroupName: groups.subnets,
    vpcSecurityGroupIds: [securityGroupId],
  };
}

function backups(settings: DatabaseSettings, identifier: Output<string>) {
  return {
    backupRetentionPeriod: settings.backupRetentionDays,
    backupWindow: settings.backupWindow,
    copyTagsToSnapshot: true,
    // Whoever takes the protection away and deletes it still has its last state, and each second before it as long as backups are kept.
    deleteAutomatedBackups: false,
    skipFinalSnapshot: false,
    finalSnapshotIdentifier: interpolate`${identifier}-final`,
  };
}

function watching({ settings, keys }: DatabaseInstanceArgs, monitoring: MadeRole) {
  return {
    performanceInsightsEnabled: true,
    performanceInsightsKmsKeyId: keys.database,
    performanceInsightsRetentionPeriod: 7,
    monitoringInterval: settings.monitoringSeconds,
    monitoringRoleArn: monitoring.arn,
    enabledCloudwatchLogsExports: [...LOGS],
  };
}

function logGroups({ name, identifier, settings, keys, place }: DatabaseInstanceArgs): LogGroup[] {
  return LOGS.map(
    (log) =>
      new LogGroup(
        `${name}-${log}`,
        {
          name: interpolate`/aws/rds/instance/${identifier}/${log}`,
          retentionInDays: settings.logDays,
          kmsKeyId: keys.logs,
          tags: tagged(place, `${name}-${log}`),
        },
        stateful(place),
      ),
  );
}

function secretOf({ masterUserSecrets }: Instance, name: string): Output<string> {
  return masterUserSecrets.apply((secrets) => {
    const [secret] = secrets;
    if (secret === undefined)
      throw new Error(`RDS made no secret for the master user of ${name}. Refresh the stack, then try again.`);
    return secret.secretArn;
  });
}
