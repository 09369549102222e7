import { beforeAll, describe, expect, it } from "vitest";
import { ACCOUNT, inputs, names, recordPart, TYPES } from "../../test/pulumi/aws.ts";
import type { RecordedResource } from "../../test/pulumi/recorder.ts";
import { key, keys, PURPOSES, type KeyPurpose } from "./keys.ts";

let resources: readonly RecordedResource[];
beforeAll(async () => {
  ({ resources } = await recordPart((place) => keys(ACCOUNT, place)));
});

interface Statement {
  readonly Sid: string;
  readonly Principal: object;
  readonly Action: readonly string[];
  readonly Condition?: object;
}

function statementsOf(all: readonly RecordedResource[], name: string): ReadonlyMap<string, Statement> {
  const policy = JSON.parse(String(inputs(all, TYPES.key, name)["policy"])) as { Statement: readonly Statement[] };
  return new Map(policy.Statement.map((statement) => [statement.Sid, statement]));
}

const ROOT = { AWS: "arn:aws:iam::123456789012:root" };

describe("the keys", () => {
  it("are one for each purpose, are renewed, and can be brought back for 30 days", () => {
    const purposes = ["backup", "cache", "cluster", "database", "logs", "objects", "registry", "secrets"];
    expect(names(resources, TYPES.key)).toEqual(purposes.map((purpose) => `key-${purpose}`));
    for (const purpose of purposes)
      expect(inputs(resources, TYPES.key, `key-${purpose}`)).toMatchObject({
        ...{ enableKeyRotation: true, deletionWindowInDays: 30, bypassPolicyLockoutSafetyCheck: false },
      });
  });

  it("have names that people know them by", () => {
    expect(inputs(resources, TYPES.alias, "key-database")).toEqual({
      name: "alias/slipway-unit-key-database",
      targetKeyId: "key-database-key",
    });
  });

  it.each([
    ["database", ["rds"]],
    ["cache", ["elasticache"]],
    ["objects", ["s3"]],
    ["registry", ["ecr"]],
    ["secrets", ["secretsmanager", "rds"]],
    ["logs", ["logs"]],
    ["backup", ["backup", "rds"]],
  ] as const)("for %s can be used through %j alone", (purpose, services) => {
    const through = { "kms:ViaService": services.map((service) => `${service}.eu-central-1.amazonaws.com`) };
    const statements = statementsOf(resources, `key-${purpose}`);
    expect(statements.get("Use")).toMatchObject({ Principal: ROOT, Condition: { StringEquals: through } });
    expect(statements.get("Grant")).toMatchObject({
      ...{ Principal: ROOT, Action: ["kms:CreateGrant"] },
      Condition: { StringEquals: through, Bool: { "kms:GrantIsForAWSResource": "true" } },
    });
  });

  it("are administered by the account, which reads nothing by that", () => {
    for (const purpose of Object.keys(PURPOSES)) {
      const administer = statementsOf(resources, `key-${purpose}`).get("Administer");
      expect(administer).toMatchObject({ Principal: ROOT });
      expect(administer?.Action).toContain("kms:PutKeyPolicy");
      expect(administer?.Action).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/Crypt|GenerateDataKey|CreateGrant|\*/i)]),
      );
    }
  });

  it("let CloudWatch Logs of the region in, for log groups of the account alone", () => {
    expect(statementsOf(resources, "key-logs").get("LogGroups")).toMatchObject({
      Principal: { Service: "logs.eu-central-1.amazonaws.com" },
      Condition: {
        ArnLike: { "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:123456789012:log-group:*" },
      },
    });
  });

  it("let Auto Scaling's role start nodes with encrypted disks, also where it does not exist yet", () => {
    const scaling = {
      "kms:CallerAccount": "123456789012",
      "aws:PrincipalArn":
        "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
    };
    const statements = statementsOf(resources, "key-cluster");
    expect(statements.get("NodeDisks")).toMatchObject({
      Principal: { AWS: "*" },
      Condition: { StringEquals: scaling },
    });
    expect(statements.get("NodeDiskGrants")).toMatchObject({
      Condition: { StringEquals: scaling, Bool: { "kms:GrantIsForAWSResource": "true" } },
    });
  });

  it("let services in for nothing but that", () => {
    const extra = Object.keys(PURPOSES).map((purpose) => [
      purpose,
      [...statementsOf(resources, `key-${purpose}`).keys()].filter(
        (id) => !["Administer", "Use", "Grant"].includes(id),
      ),
    ]);
    const some = extra.filter(([, ids]) => ids?.length !== 0);
    expect(Object.fromEntries(some)).toEqual({ cluster: ["NodeDisks", "NodeDiskGrants"], logs: ["LogGroups"] });
  });

  it("let another account's RDS open the snapshots that it copies, where there is one, and nothing else", async () => {
    const { resources: shared } = await recordPart((place) => keys(ACCOUNT, place, "210987654321"));
    const through = { StringLike: { "kms:ViaService": "rds.*.amazonaws.com" } };
    const statements = statementsOf(shared, "key-database");
    const other = { AWS: "arn:aws:iam::210987654321:root" };
    expect(statements.get("Copies")).toMatchObject({ Principal: other, Condition: through });
    expect(statements.get("CopyGrants")).toMatchObject({
      ...{ Principal: other, Action: ["kms:CreateGrant"] },
      Condition: { ...through, Bool: { "kms:GrantIsForAWSResource": "true" } },
    });
    const told = names(shared, TYPES.key).filter((name) =>
      JSON.stringify(inputs(shared, TYPES.key, name)).includes("2109"),
    );
    expect(told).toEqual(["key-database"]);
  });

  it("go by the region they stand in, for a copy elsewhere", async () => {
    const account = { ...ACCOUNT, region: "eu-west-1" };
    const purpose: KeyPurpose = "objects";
    const { resources: copy } = await recordPart((place) => key({ purpose, name: "key-copy", account, place }));
    expect(statementsOf(copy, "key-copy").get("Use")).toMatchObject({
      Condition: { StringEquals: { "kms:ViaService": ["s3.eu-west-1.amazonaws.com"] } },
    });
    expect(inputs(copy, TYPES.alias, "key-copy")["name"]).toBe("alias/slipway-unit-key-copy");
  });
});
