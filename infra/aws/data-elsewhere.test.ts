import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { arnOf, awsSettings, type RecordedPart } from "../../test/pulumi/aws.ts";
import { EDGE, inputs, TYPES } from "../../test/pulumi/aws-data.ts";
import { recordAwsStack, type AwsParts } from "../../test/pulumi/aws-stack.ts";
import { authorityCertificate } from "../kubernetes/certificate.ts";

let folder: string;
let stack: RecordedPart<AwsParts>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-aws-elsewhere-"));
  writeFileSync(join(folder, "rds.pem"), authorityCertificate("a-seed-of-many-random-characters-0123456789"));
  const data = {
    database: { caBundle: join(folder, "rds.pem"), restored: [{ name: "20261129t0230" }] },
    objects: { replicaRegion: "eu-west-1" },
    backup: { copyRegion: "eu-west-1" },
    edge: EDGE,
  };
  stack = await recordAwsStack(awsSettings({ data }));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const of = (type: string, name: string) => inputs(stack.resources, type, name);

describe("what a stack has in another region", () => {
  it("is the copies of artifacts and of backups, with one provider of that region", () => {
    const there = stack.resources.filter(({ provider }) => provider.includes("::elsewhere::"));
    expect(there.filter(({ name }) => !/(objects-replica|backup-copy)$/.test(name))).toEqual([]);
    const providers = stack.resources.filter(({ type }) => type === "pulumi:providers:aws");
    expect(providers.map(({ inputs: { region } }) => region)).toEqual(["eu-central-1", "eu-west-1"]);
  });

  it("is encrypted with keys that are there", () => {
    expect(JSON.stringify(of(TYPES.key, "key-objects-replica")["policy"])).toContain("s3.eu-west-1.");
    expect(JSON.stringify(of(TYPES.encryption, "objects-replica"))).toContain(arnOf("kms", "key-objects-replica"));
    expect(JSON.stringify(of(TYPES.key, "key-backup-copy")["policy"])).toContain("backup.eu-west-1.");
    expect(of(TYPES.vault, "backup-copy")["kmsKeyArn"]).toBe(arnOf("kms", "key-backup-copy"));
    for (const [type, name] of [
      [TYPES.key, "key-objects-replica"],
      [TYPES.bucket, "objects-replica"],
      [TYPES.versioning, "objects-replica"],
      [TYPES.key, "key-backup-copy"],
      [TYPES.vault, "backup-copy"],
      [TYPES.vaultLock, "backup-copy"],
      [TYPES.vaultPolicy, "backup-copy"],
    ] as const) {
      const found = stack.resources.find((one) => one.type === type && one.name === name);
      expect(found?.provider, `${type} ${name}`).toContain("::elsewhere::");
    }
  });
});

describe("what is backed up", () => {
  it("is each generation of the database and the artifacts, into the stack's own vault", () => {
    expect(of(TYPES.vault, "backup")["kmsKeyArn"]).toBe(arnOf("kms", "key-backup"));
    expect(of(TYPES.backupSelection, "backup-database")["resources"]).toEqual([arnOf("rds", "database")]);
    const restored = "database-20261129t0230";
    expect(of(TYPES.backupSelection, `backup-${restored}`)["resources"]).toEqual([arnOf("rds", restored)]);
    expect(of(TYPES.backupSelection, "backup-objects")["resources"]).toEqual(["arn:aws:s3:::objects-made"]);
  });
});
