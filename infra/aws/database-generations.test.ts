import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output, secret } from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ACCOUNT,
  ANSWERS,
  arnOf,
  dataSettings,
  inputs,
  KEYS,
  names,
  recordAws,
  TYPES,
} from "../../test/pulumi/aws-data.ts";
import { recordPart, type RecordedPart } from "../../test/pulumi/aws.ts";
import { known } from "../../test/pulumi/recorder.ts";
import { authorityCertificate } from "../kubernetes/certificate.ts";
import { resolveSize } from "../plan/sizes.ts";
import { database, type RdsDatabase } from "./database.ts";
import type { AwsPlace } from "./place.ts";

const CA = authorityCertificate("a-seed-of-many-random-characters-0123456789");
const role = (user: string) => ({ user, password: secret(`Canary-of-${user}-Zq7`) });
const RESTORED = { name: "20261129t0230", to: "2026-11-29T02:30:00Z" };
const LOGICAL = "database-20261129t0230";
/** Names are of their own, each with a random part of its own. */
const ANSWERS_BY_NAME = { ...ANSWERS, [TYPES.id]: (name: string) => ({ hex: `of-${name}` }) };
const FIRST_NAME = "slipway-unit-of-database-name";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-rds-"));
  writeFileSync(join(folder, "rds.pem"), CA);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const make = (settings: object) => (place: AwsPlace) =>
  database({
    settings: dataSettings({ database: { caBundle: join(folder, "rds.pem"), ...settings } }).database,
    size: resolveSize("unit", "medium").database,
    ...{ vpcId: "vpc-1", subnetIds: ["subnet-a", "subnet-b"], sources: { nodes: "sg-nodes" } },
    ...{ keys: KEYS, roles: { app: role("app"), owner: role("owner"), roleFiles: {} }, account: ACCOUNT, place },
  });

const run = (settings: object): Promise<RecordedPart<RdsDatabase>> => recordPart(make(settings), true, ANSWERS_BY_NAME);

/** What serves: host, name and ARN. */
async function servingOf({ result }: RecordedPart<RdsDatabase>): Promise<string[]> {
  return Promise.all([result.is.host, result.identifier, result.arn].map((value) => known(output(value))));
}

describe("a database that was restored", () => {
  let made: RecordedPart<RdsDatabase>;
  beforeAll(async () => {
    made = await run({ restored: [RESTORED], masterRotationDays: 30 });
  });
  const instance = () => inputs(made.resources, TYPES.database, LOGICAL);

  it("stands beside the one it is made of, which stays as it was, and serves nobody yet", async () => {
    expect(names(made.resources, TYPES.database)).toEqual(["database", LOGICAL]);
    const before = await run({ masterRotationDays: 30 });
    expect(inputs(made.resources, TYPES.database, "database")).toEqual(
      inputs(before.resources, TYPES.database, "database"),
    );
    expect(await servingOf(made)).toEqual(await servingOf(before));
    // Everything that was there before is there yet, under its own name: nothing is deleted.
    const all = made.resources.map(({ type, name }) => `${type} ${name}`);
    expect(before.resources.map(({ type, name }) => `${type} ${name}`).filter((one) => !all.includes(one))).toEqual([]);
  });

  it("is made by RDS of the other at that moment, and has nothing said that RDS takes from there", () => {
    expect(instance()["restoreToPointInTime"]).toEqual({
      sourceDbInstanceIdentifier: FIRST_NAME,
      restoreTime: "2026-11-29T02:30:00Z",
    });
    for (const key of ["allocatedStorage", "dbName", "username"]) expect(instance()).not.toHaveProperty(key);
  });

  it("is as safe as the first: all that is said of that one but its name is said of it", () => {
    const first = inputs(made.resources, TYPES.database, "database");
    const own = ["identifier", "finalSnapshotIdentifier", "monitoringRoleArn", "tags"];
    const taken = ["allocatedStorage", "dbName", "username"];
    const left = (given: Readonly<Record<string, unknown>>) =>
      Object.fromEntries(
        Object.entries(given).filter(([key]) => ![...own, ...taken, "restoreToPointInTime"].includes(key)),
      );
    expect(left(instance())).toEqual(left(first));
    expect(instance()["identifier"]).toBe(`slipway-unit-of-${LOGICAL}-name`);
    expect(instance()["finalSnapshotIdentifier"]).toBe(`slipway-unit-of-${LOGICAL}-name-final`);
    expect(instance()["monitoringRoleArn"]).toBe(arnOf("iam", `${LOGICAL}-monitoring`));
    expect(names(made.resources, TYPES.logGroup)).toEqual(
      ["database", LOGICAL].flatMap((name) => [`${name}-postgresql`, `${name}-upgrade`]).sort(),
    );
    expect(names(made.resources, TYPES.rotation)).toEqual([`${LOGICAL}-master`, "database-master"].sort());
  });

  it("stays where the one it was made of goes, or the file says another moment", () => {
    expect(made.ignored.get(`${TYPES.database} ${LOGICAL}`)).toEqual(["restoreToPointInTime"]);
    expect(made.ignored.get(`${TYPES.database} database`) ?? []).toEqual([]);
  });

  it("is made after that one, and of its last moment where none is said", async () => {
    const found = made.resources.find(({ type, name }) => type === TYPES.database && name === LOGICAL);
    expect(found?.dependencies.some((urn) => urn.endsWith("Instance::database"))).toBe(true);
    const latest = await run({ restored: [{ name: "a" }] });
    expect(inputs(latest.resources, TYPES.database, "database-a")["restoreToPointInTime"]).toEqual({
      ...{ sourceDbInstanceIdentifier: FIRST_NAME, useLatestRestorableTime: true },
    });
  });

  it("is protected as the first is", async () => {
    const gone = await recordAws(make({ restored: [RESTORED] }), { keep: false });
    for (const [resources, isKept] of [
      [made.resources, true],
      [gone.resources, false],
    ] as const) {
      const own = resources.filter(({ type }) => type === TYPES.database);
      expect(own.map((one) => [one.isProtected, one.deleteBeforeReplace, one.inputs["deletionProtection"]])).toEqual([
        [isKept, false, isKept],
        [isKept, false, isKept],
      ]);
    }
  });
});

describe("the services", () => {
  it("go to another generation by the stack's file alone, and back", async () => {
    const switched = await run({ restored: [RESTORED], serving: RESTORED.name });
    expect(await servingOf(switched)).toEqual([
      ...[`${LOGICAL}.rds.example`, `slipway-unit-of-${LOGICAL}-name`, arnOf("rds", LOGICAL)],
    ]);
    const before = await run({ restored: [RESTORED] });
    const all = ({ resources }: RecordedPart<RdsDatabase>) =>
      resources.map(({ type, name, inputs: given }) => [type, name, given]);
    expect(all(switched)).toEqual(all(before));
    const arns = await Promise.all(
      Object.entries(switched.result.arns).map(async ([name, arn]) => [name, await known(arn)]),
    );
    expect(Object.fromEntries(arns)).toEqual({ database: arnOf("rds", "database"), [LOGICAL]: arnOf("rds", LOGICAL) });
  });

  it("stay where they are when the first goes: what was restored is told the same name", async () => {
    const alone = await run({ restored: [RESTORED], serving: RESTORED.name, keepFirst: false });
    expect(names(alone.resources, TYPES.database)).toEqual([LOGICAL]);
    expect(inputs(alone.resources, TYPES.database, LOGICAL)["restoreToPointInTime"]).toMatchObject({
      sourceDbInstanceIdentifier: FIRST_NAME,
    });
    expect(Object.keys(alone.result.arns)).toEqual([LOGICAL]);
  });

  it("may be on one that was made of one that was restored", async () => {
    const chain = [{ name: "a" }, { name: "b", from: "a" }];
    const { resources } = await run({ restored: chain, serving: "b" });
    expect(inputs(resources, TYPES.database, "database-b")["restoreToPointInTime"]).toMatchObject({
      sourceDbInstanceIdentifier: "slipway-unit-of-database-a-name",
    });
  });
});
