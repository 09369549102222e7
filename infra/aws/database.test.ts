import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secret } from "@pulumi/pulumi";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, listAt } from "../../test/pulumi/kubernetes.ts";
import {
  ACCOUNT,
  arnOf,
  dataSettings,
  inClear,
  inputs,
  KEYS,
  names,
  one,
  policyIn,
  recordAws,
  TYPES,
} from "../../test/pulumi/aws-data.ts";
import { known, type RecordedResource } from "../../test/pulumi/recorder.ts";
import { openDatabase } from "../../jobs/database.ts";

import { authorityCertificate } from "../kubernetes/certificate.ts";
import { resolveSize } from "../plan/sizes.ts";
import { database } from "./database.ts";
import type { AwsPlace } from "./place.ts";

const CA = authorityCertificate("a-seed-of-many-random-characters-0123456789");
const NAME = "slipway-unit-0badcafe";

const role = (user: string) => ({ user, password: secret(`Canary-of-${user}-Zq7`) });
const roles = { app: role("slipway_app"), owner: role("slipway_owner"), roleFiles: {} };

let folder: string;
let made: { result: ReturnType<typeof database>; resources: readonly RecordedResource[] };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-rds-"));
  writeFileSync(join(folder, "rds.pem"), CA);
  made = await recordAws(make());
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const make =
  (settings: object = {}, overrides = {}) =>
  (place: AwsPlace) =>
    database({
      settings: dataSettings({ database: { caBundle: join(folder, "rds.pem"), ...settings } }).database,
      size: resolveSize("unit", "medium", overrides).database,
      vpcId: "vpc-1",
      subnetIds: ["subnet-a", "subnet-b", "subnet-c"],
      sources: { nodes: "sg-nodes", rotation: "sg-rotation" },
      keys: KEYS,
      roles,
      account: ACCOUNT,
      place,
    });

const instance = () => inputs(made.resources, TYPES.database, "database");

describe("Postgres of RDS", () => {
  it("is of a pinned version and of the stack's size, in two zones", () => {
    expect(instance()).toMatchObject({
      ...{ engine: "postgres", engineVersion: "17.7", autoMinorVersionUpgrade: false, allowMajorVersionUpgrade: false },
      ...{ instanceClass: "db.m7g.xlarge", multiAz: true, storageType: "gp3" },
      ...{ allocatedStorage: 200, maxAllocatedStorage: 400, dbName: "slipway", port: 5432 },
    });
  });

  it("grows up to what the stack's file says, which must be more than it has", async () => {
    const bounded = await recordAws(make({ maxStorageGiB: 220 }));
    expect(inputs(bounded.resources, TYPES.database, "database")["maxAllocatedStorage"]).toBe(220);
    await expect(recordAws(make({ maxStorageGiB: 219 }))).rejects.toThrow(/maxStorageGiB is 219, must be at least 220/);
    const greatest = await recordAws(make({}, { database: { storageGiB: 65_536 } }));
    expect(inputs(greatest.resources, TYPES.database, "database")).not.toHaveProperty("maxAllocatedStorage");
  });

  it("waits for its window with what restarts it, and is never deleted to be replaced", () => {
    expect(instance()).toMatchObject({ applyImmediately: false, maintenanceWindow: "sun:04:00-sun:05:00" });
    expect(one(made.resources, TYPES.database, "database").deleteBeforeReplace).toBe(false);
  });

  it("is encrypted with our keys, and so is what RDS sees of it", () => {
    expect(instance()).toMatchObject({
      ...{ storageEncrypted: true, kmsKeyId: KEYS.database },
      ...{ performanceInsightsEnabled: true, performanceInsightsKmsKeyId: KEYS.database },
      ...{ manageMasterUserPassword: true, masterUserSecretKmsKeyId: KEYS.secrets },
    });
  });

  it("has no password in the stack: RDS makes the master user's, keeps and changes it", async () => {
    expect(instance()).not.toHaveProperty("password");
    expect(instance()).not.toHaveProperty("passwordWo");
    const secretId = arnOf("secretsmanager", "rds-master");
    expect(await known(made.result.masterSecretArn)).toBe(secretId);
    // RDS' own schedule is good enough, unless the stack's file says another.
    expect(names(made.resources, TYPES.rotation)).toEqual([]);
    const other = await recordAws(make({ masterRotationDays: 30 }));
    expect(inputs(other.resources, TYPES.rotation, "database-master")).toEqual({
      ...{ secretId, rotateImmediately: false, rotationRules: { automaticallyAfterDays: 30 } },
    });
    expect(inClear(made.resources)).not.toContain("Canary");
  });

  it("stands where nobody outside comes, and is reached from the given groups alone, on one port", () => {
    expect(instance()).toMatchObject({
      ...{ publiclyAccessible: false, iamDatabaseAuthenticationEnabled: true },
      ...{ dbSubnetGroupName: "database-made", vpcSecurityGroupIds: ["database-id"] },
    });
    expect(inputs(made.resources, TYPES.databaseSubnets, "database")["subnetIds"]).toEqual([
      ...["subnet-a", "subnet-b", "subnet-c"],
    ]);
    const group = inputs(made.resources, TYPES.securityGroup, "database");
    expect(group["vpcId"]).toBe("vpc-1");
    // Rules that stand in the group itself would be open to whoever edits it by hand.
    expect(group).not.toHaveProperty("ingress");
    expect(group).not.toHaveProperty("egress");
    expect(names(made.resources, TYPES.egress)).toEqual([]);
    expect(names(made.resources, TYPES.ingress)).toEqual(["database-from-nodes", "database-from-rotation"]);
    for (const source of ["nodes", "rotation"]) {
      const rule = inputs(made.resources, TYPES.ingress, `database-from-${source}`);
      expect(rule).toMatchObject({
        ...{ securityGroupId: "database-id", referencedSecurityGroupId: `sg-${source}` },
        ...{ ipProtocol: "tcp", fromPort: 5432, toPort: 5432 },
      });
      expect(rule).not.toHaveProperty("cidrIpv4");
    }
  });

  it("can be restored to each second of 35 days, and leaves its last state whoever deletes it", () => {
    expect(instance()).toMatchObject({
      ...{ backupRetentionPeriod: 35, backupWindow: "02:00-03:00", copyTagsToSnapshot: true },
      ...{ deleteAutomatedBackups: false, skipFinalSnapshot: false, finalSnapshotIdentifier: `${NAME}-final` },
    });
  });

  it("takes TLS alone, hashes passwords well, and writes no values of statements down", () => {
    const group = inputs(made.resources, TYPES.databaseParameters, "database-17");
    expect(group["family"]).toBe("postgres17");
    expect(instance()["parameterGroupName"]).toBe("database-17-made");
    const parameters = Object.fromEntries(
      listAt(group, "parameters").map((parameter) => [String(at(parameter, "name")), at(parameter, "value")]),
    );
    expect(parameters).toEqual({
      max_connections: String(resolveSize("unit", "medium").database.maxConnections),
      "rds.force_ssl": "1",
      ssl_min_protocol_version: "TLSv1.2",
      password_encryption: "scram-sha-256",
      log_connections: "1",
      log_disconnections: "1",
      log_lock_waits: "1",
      log_temp_files: "10240",
      log_min_duration_statement: "1000",
      log_parameter_max_length: "0",
      log_parameter_max_length_on_error: "0",
      log_statement: "none",
    });
  });

  it("has the stack's own max_connections, and a group beside the old one for another major version", async () => {
    const other = await recordAws(make({ engineVersion: "18.1" }, { database: { maxConnections: 900 } }));
    expect(names(other.resources, TYPES.databaseParameters)).toEqual(["database-18"]);
    expect(listAt(inputs(other.resources, TYPES.databaseParameters, "database-18"), "parameters")).toContainEqual({
      ...{ name: "max_connections", value: "900", applyMethod: "pending-reboot" },
    });
  });

  it("writes into log groups that are there before it, encrypted and kept for a time", () => {
    expect(instance()["enabledCloudwatchLogsExports"]).toEqual(["postgresql", "upgrade"]);
    const { dependencies } = one(made.resources, TYPES.database, "database");
    for (const log of ["postgresql", "upgrade"]) {
      expect(inputs(made.resources, TYPES.logGroup, `database-${log}`)).toMatchObject({
        ...{ name: `/aws/rds/instance/${NAME}/${log}`, retentionInDays: 90, kmsKeyId: KEYS.logs },
      });
      expect(dependencies.some((urn) => urn.endsWith(`LogGroup::database-${log}`))).toBe(true);
    }
    expect(instance()["identifier"]).toBe(NAME);
  });

  it("lets RDS watch its machine with a role for this instance alone", () => {
    expect(instance()).toMatchObject({
      monitoringInterval: 60,
      monitoringRoleArn: arnOf("iam", "database-monitoring"),
    });
    // RDS tries the role at once: it may do so before the instance is made.
    const { dependencies } = one(made.resources, TYPES.database, "database");
    expect(dependencies.some((urn) => urn.includes("RolePolicyAttachment::database-monitoring-"))).toBe(true);
    const trust = policyIn(inputs(made.resources, TYPES.role, "database-monitoring")["assumeRolePolicy"]);
    expect(trust.Statement).toEqual([
      {
        Effect: "Allow",
        Principal: { Service: "monitoring.rds.amazonaws.com" },
        Action: ["sts:AssumeRole"],
        Condition: {
          StringEquals: { "aws:SourceAccount": "123456789012" },
          ArnLike: { "aws:SourceArn": `arn:aws:rds:eu-central-1:123456789012:db:${NAME}` },
        },
      },
    ]);
  });

  it("is protected where the stack keeps its data, and not where it is torn down", async () => {
    const gone = await recordAws(make(), { keep: false });
    for (const [resources, isKept] of [
      [made.resources, true],
      [gone.resources, false],
    ] as const) {
      const { isProtected, inputs: given } = one(resources, TYPES.database, "database");
      expect([isProtected, given["deletionProtection"]]).toEqual([isKept, isKept]);
    }
  });
});

describe("what the services get", () => {
  it("is its host, its roles and the authorities to check it by", async () => {
    const { is } = made.result;
    expect({ ...is, app: is.app.user, owner: is.owner.user, host: "" }).toEqual({
      ...{
        host: "",
        port: 5432,
        name: "slipway",
        app: "slipway_app",
        owner: "slipway_owner",
        tls: { ca: CA },
        roleFiles: {},
      },
    });
    expect(instance()["caCertIdentifier"]).toBe("rds-ca-rsa2048-g1");
  });

  it("is refused before anything is made where those are missing", async () => {
    const without = recordAws(make({ caBundle: join(folder, "none.pem") }));
    await expect(without).rejects.toThrow(
      /slipway:aws\.data\.database\.caBundle is .*none\.pem: it cannot be read \(ENOENT\)/,
    );
  });
});

describe("the reason why there is no RDS Proxy", () => {
  it("still holds: connections of the product have start-up options", () => {
    const settings = { DATABASE_HOST: "h", DATABASE_PORT: 1, DATABASE_NAME: "n", DATABASE_USER: "u" };
    const pool = openDatabase(
      {
        ...settings,
        ...{ DATABASE_TLS: "off", DATABASE_POOL_SIZE: 1, program: "api" },
        ...{ APP_ENV: "test", ECHO_CONFIG: "false", logLevel: "info", debug: false },
        secrets: { "database-password": "p" },
      },
      pino({ level: "silent" }),
    );
    expect(pool.options.options).toContain("-c ");
  });
});
