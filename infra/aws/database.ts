import { LogGroup } from "@pulumi/aws/cloudwatch/logGroup.js";
import { Instance } from "@pulumi/aws/rds/instance.js";
import { ParameterGroup } from "@pulumi/aws/rds/parameterGroup.js";
import { SubnetGroup } from "@pulumi/aws/rds/subnetGroup.js";
import { interpolate, type Input, type Output, type Resource } from "@pulumi/pulumi";
import type { DatabaseSettings } from "../../configs/aws-data-settings.ts";
import type { Database, DatabaseRole } from "../contract.ts";
import { PlanError } from "../plan/plan-error.ts";
import type { ResolvedSize } from "../plan/sizes.ts";
import { readBundle } from "./ca-bundle.ts";
import { monitoringRole } from "./monitoring-role.ts";
import { ownName } from "./own-name.ts";
import { options, tagged, type AwsAccount, type AwsPlace } from "./place.ts";
import type { MadeRole } from "./role.ts";
import { rotation } from "./rotation.ts";
import { serviceGroup } from "./security-group.ts";
import { stateful } from "./stateful.ts";

export interface DatabaseArgs {
  readonly settings: DatabaseSettings;
  readonly size: ResolvedSize["database"];
  readonly vpcId: Input<string>;
  /** Of the data tier, one a zone. */
  readonly subnetIds: readonly Input<string>[];
  /** Security groups that may reach it, by a name for good. */
  readonly sources: Readonly<Record<string, Input<string>>>;
  /** ARNs of KMS keys by what they encrypt. */
  readonly keys: {
    /** Storage, snapshots and Performance Insights. */
    readonly database: Input<string>;
    readonly logs: Input<string>;
    /** The master user's password. */
    readonly secrets: Input<string>;
  };
  /** Roles of the product. The job that prepares the database makes them; RDS knows its master user alone. */
  readonly roles: { readonly app: DatabaseRole; readonly owner: DatabaseRole };
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

export interface RdsDatabase {
  readonly is: Database;
  readonly arn: Output<string>;
  readonly identifier: Output<string>;
  /** User with which the product's roles are made. */
  readonly masterUser: string;
  /** ARN of the secret in which RDS keeps the master user's password; the stack never sees it. */
  readonly masterSecretArn: Output<string>;
  readonly securityGroupId: Output<string>;
  /** What has to be there before it serves. */
  readonly ready: Resource;
}

const PORT = 5432;
const DATABASE = "slipway";
const MASTER_USER = "slipway_master";

/** Logs that RDS hands to CloudWatch. */
const LOGS = ["postgresql", "upgrade"] as const;

/** The provider asks for ever where the service never answers as it should; a Multi-AZ instance takes half of this. */
const TIMEOUTS = { create: "60m", update: "80m", delete: "60m" } as const;

/** Percent of its storage up to which RDS may add where the stack's file does not say. */
const GROWTH_PERCENT = 200;
/** RDS takes no limit below this. */
const LEAST_GROWTH_PERCENT = 110;
const MOST_STORAGE_GIB = 65_536;

/**
 * Postgres of RDS in two zones: encrypted, by TLS alone, restorable to each second of its retention, reached from the given groups.
 *
 * Nothing of it is ever deleted to be replaced, and what needs a restart waits for the maintenance window. There is no RDS Proxy:
 * docs/adr/0008-database-proxy.md says why.
 *
 * @throws PlanError where the file with RDS' authorities is missing or damaged, or storage may not grow as RDS has it
 */
export function database(args: DatabaseArgs): RdsDatabase {
  const { settings, vpcId, sources, roles, account, place } = args;
  const ca = authorities(args);
  mostStorageGiB(args); // Only for its check: nothing is made before.
  const identifier = ownName("database", place);
  const securityGroupId = serviceGroup({
    ...{ name: "database", description: "Postgres of the stack", port: PORT },
    ...{ vpcId, sources, place },
  });
  const logs = logGroups(identifier, args);
  const monitoring = monitoringRole({ identifier, account, place });
  const instance = new Instance(
    "database",
    {
      identifier,
      ...engine(args),
      ...storage(args),
      ...access(args, securityGroupId),
      ...backups(settings, identifier),
      ...watching(args, monitoring),
      tags: tagged(place, "database"),
    },
    // A log group that RDS makes itself is not encrypted with our key, and is kept for ever. The role is tried at once.
    stateful(place, { customTimeouts: TIMEOUTS, dependsOn: [...logs, ...monitoring.rights] }),
  );
  const masterSecretArn = secretOf(instance);
  const { masterRotationDays: days } = settings;
  if (days !== undefined) rotation({ secretArn: masterSecretArn, days, place });
  return {
    is: { host: instance.address, port: PORT, name: DATABASE, ...roles, tls: { ca } },
    ...{ arn: instance.arn, identifier, masterUser: MASTER_USER, masterSecretArn, securityGroupId, ready: instance },
  };
}

function authorities({ settings, place }: DatabaseArgs): string {
  const { caBundle } = settings;
  if (caBundle === undefined)
    throw new Error("slipway:aws.data.database.caBundle is missing; configs/aws-data-settings.ts refuses it before.");
  return readBundle(place.stack, caBundle);
}

function engine(args: DatabaseArgs) {
  const { settings, size, place } = args;
  return {
    engine: "postgres",
    engineVersion: settings.engineVersion,
    autoMinorVersionUpgrade: false,
    allowMajorVersionUpgrade: false,
    // Never in the middle of a day: what restarts it waits for the maintenance window.
    applyImmediately: false,
    instanceClass: size.instanceClass,
    multiAz: true,
    parameterGroupName: parameterGroup(args),
    maintenanceWindow: settings.maintenanceWindow,
    deletionProtection: place.keep,
  };
}

function storage(args: DatabaseArgs) {
  const maxAllocatedStorage = mostStorageGiB(args);
  return {
    storageType: "gp3",
    allocatedStorage: args.size.storageGiB,
    // What is as great as it may be does not grow.
    ...(maxAllocatedStorage > args.size.storageGiB ? { maxAllocatedStorage } : {}),
    storageEncrypted: true,
    kmsKeyId: args.keys.database,
  };
}

function mostStorageGiB({ settings, size, place }: DatabaseArgs): number {
  const grown = Math.min(Math.ceil((size.storageGiB * GROWTH_PERCENT) / 100), MOST_STORAGE_GIB);
  const { maxStorageGiB = grown } = settings;
  const least = Math.min(Math.ceil((size.storageGiB * LEAST_GROWTH_PERCENT) / 100), MOST_STORAGE_GIB);
  if (maxStorageGiB < least)
    throw new PlanError(place.stack, "database", [
      `slipway:aws.data.database.maxStorageGiB is ${maxStorageGiB}, must be at least ${least}: RDS grows by a tenth or not at all, ` +
        `and ${size.storageGiB} GiB are there from the start. Raise it, or leave it out.`,
    ]);
  return maxStorageGiB;
}

function access({ subnetIds, keys, place }: DatabaseArgs, securityGroupId: Output<string>) {
  const subnets = new SubnetGroup(
    "database",
    { description: "Data subnets of the stack", subnetIds: [...subnetIds], tags: tagged(place, "database") },
    options(place),
  );
  return {
    dbName: DATABASE,
    port: PORT,
    username: MASTER_USER,
    // RDS makes it, keeps it in Secrets Manager and changes it: it is in no state and no log of ours.
    manageMasterUserPassword: true,
    masterUserSecretKmsKeyId: keys.secrets,
    iamDatabaseAuthenticationEnabled: true,
    caCertIdentifier: "rds-ca-rsa2048-g1",
    publiclyAccessible: false,
    dbSubnetGroupName: subnets.name,
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

function watching({ settings, keys }: DatabaseArgs, monitoring: MadeRole) {
  return {
    performanceInsightsEnabled: true,
    performanceInsightsKmsKeyId: keys.database,
    performanceInsightsRetentionPeriod: 7,
    monitoringInterval: settings.monitoringSeconds,
    monitoringRoleArn: monitoring.arn,
    enabledCloudwatchLogsExports: [...LOGS],
  };
}

function logGroups(identifier: Output<string>, { settings, keys, place }: DatabaseArgs): LogGroup[] {
  return LOGS.map(
    (log) =>
      new LogGroup(
        `database-${log}`,
        {
          name: interpolate`/aws/rds/instance/${identifier}/${log}`,
          retentionInDays: settings.logDays,
          kmsKeyId: keys.logs,
          tags: tagged(place, `database-${log}`),
        },
        stateful(place),
      ),
  );
}

/** `immediate` where Postgres takes a change while it runs. */
type Parameter = readonly [name: string, value: string, applyMethod: "immediate" | "pending-reboot"];

function parameters({ settings, size }: DatabaseArgs): readonly Parameter[] {
  return [
    ["max_connections", String(size.maxConnections), "pending-reboot"],
    ["rds.force_ssl", "1", "pending-reboot"],
    ["ssl_min_protocol_version", "TLSv1.2", "pending-reboot"],
    ["password_encryption", "scram-sha-256", "immediate"],
    ["log_connections", "1", "immediate"],
    ["log_disconnections", "1", "immediate"],
    ["log_lock_waits", "1", "immediate"],
    ["log_temp_files", "10240", "immediate"],
    ["log_min_duration_statement", String(settings.slowStatementMs), "immediate"],
    // Values of statements are customers' texts, and `ddl` would write down the passwords of roles.
    ["log_parameter_max_length", "0", "immediate"],
    ["log_parameter_max_length_on_error", "0", "immediate"],
    ["log_statement", "none", "immediate"],
  ];
}

function parameterGroup(args: DatabaseArgs): Output<string> {
  const { settings, place } = args;
  const major = settings.engineVersion.split(".")[0] ?? "";
  // By its name, so that an upgrade to another major version makes another group beside this one.
  const name = `database-${major}`;
  const group = new ParameterGroup(
    name,
    {
      family: `postgres${major}`,
      description: "Postgres of the stack",
      parameters: parameters(args).map(([key, value, applyMethod]) => ({ name: key, value, applyMethod })),
      tags: tagged(place, name),
    },
    options(place),
  );
  return group.name;
}

function secretOf({ masterUserSecrets }: Instance): Output<string> {
  return masterUserSecrets.apply((secrets) => {
    const [secret] = secrets;
    if (secret === undefined)
      throw new Error("RDS made no secret for the master user of database. Refresh the stack, then try again.");
    return secret.secretArn;
  });
}
