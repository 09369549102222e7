import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output } from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AwsSettings } from "../../configs/aws-settings.ts";
import { arnOf, awsSettings, recordFoundation, waitsFor, type RecordedPart } from "../../test/pulumi/aws.ts";
import { EDGE, inClear, inputs, names, policyIn, TYPES } from "../../test/pulumi/aws-data.ts";
import { NODE_PORT } from "./public-edge.ts";
import { recordAwsStack, type AwsParts } from "../../test/pulumi/aws-stack.ts";
import { canary } from "../../test/pulumi/docker.ts";
import { known, type RecordedResource } from "../../test/pulumi/recorder.ts";
import { authorityCertificate } from "../kubernetes/certificate.ts";

const CA = authorityCertificate("a-seed-of-many-random-characters-0123456789");

let folder: string;
let kept: RecordedPart<AwsParts>;
let torn: readonly RecordedResource[];
/** Those of `kept` that are not of the foundation, which has tests of its own. */
let ours: readonly RecordedResource[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-aws-data-"));
  writeFileSync(join(folder, "rds.pem"), CA);
  kept = await recordAwsStack(settingsOf());
  const whole = await recordAwsStack(settingsOf(), false);
  const base = (await recordFoundation({ settings: settingsOf() })).resources.map(identity);
  const isOurs = (one: RecordedResource) => one.type.startsWith("aws:") && !base.includes(identity(one));
  ours = kept.resources.filter(isOurs);
  torn = whole.resources.filter(isOurs);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const TOPIC = arnOf("sns", "team");
const identity = ({ type, name }: RecordedResource) => `${type} ${name}`;

function settingsOf(data: object = {}): AwsSettings {
  return awsSettings({
    data: {
      database: { caBundle: join(folder, "rds.pem"), masterRotationDays: 30 },
      objects: { replicaRegion: "eu-west-1", accessLogs: { bucket: "our-logs" } },
      backup: { copyRegion: "eu-west-1" },
      budget: { monthlyUsd: 800, emails: ["team@example.org"] },
      alarms: { topics: [TOPIC] },
      edge: { ...EDGE, firewall: { sqlInjection: true } },
      ...data,
    },
    pools: { gpu: [{ shape: "l4", max: 2 }] },
  });
}

/** What AWS puts no tags on. */
const UNTAGGED: readonly string[] = [
  ...[TYPES.versioning, TYPES.encryption, TYPES.publicAccess, TYPES.ownership, TYPES.bucketPolicy, TYPES.lifecycle],
  ...[TYPES.bucketLogging, TYPES.replication, TYPES.rolePolicy, TYPES.attachedPolicy, TYPES.rotation],
  ...[TYPES.vaultPolicy, TYPES.vaultLock, TYPES.backupSelection],
  ...[TYPES.secretVersion, TYPES.imageLifecycle, TYPES.targets, TYPES.issued, TYPES.dns],
  ...[TYPES.firewallAssociation, TYPES.firewallLogging, "aws:kms/alias:Alias"],
];

/** Actions that IAM knows no resource for. */
const OF_NO_RESOURCE = ["tag:GetResources", "s3:ListAllMyBuckets", "cloudwatch:GetMetricData"];

const REPLICA_KEY = "aws:kms/key:Key key-objects-replica";
const BACKUP_KEY = "aws:kms/key:Key key-backup-copy";

describe("data services and edge together", () => {
  it("are there once each, with a provider of the stack's, below its component", () => {
    const all = ours.map(identity);
    expect(all.length).toBeGreaterThan(70);
    expect(new Set(all).size).toBe(all.length);
    for (const { type, name, provider, parent } of ours) {
      expect(provider, `${type} ${name}`).toMatch(/::(aws|elsewhere)::/);
      expect(parent, `${type} ${name}`).toMatch(/slipway:aws:Platform::aws$/);
    }
  });

  it("bear the stack's tags wherever AWS has tags", () => {
    for (const { type, name, inputs: given } of ours) {
      if (UNTAGGED.includes(type)) expect(given, `${type} ${name}`).not.toHaveProperty("tags");
      else
        expect(given["tags"], `${type} ${name}`).toMatchObject({
          ...{ "slipway:stack": "unit", Name: expect.stringMatching(/^unit-/) as string },
        });
    }
  });

  it("protect what cannot be made again where the stack keeps its data, and nothing where it is torn down", () => {
    const isProtected = (resources: readonly RecordedResource[]) =>
      resources.filter((resource) => resource.isProtected).map(identity);
    expect(isProtected(ours).sort()).toEqual(
      [
        ...[`${TYPES.database} database`, `${TYPES.cache} cache`, `${TYPES.loadBalancer} edge`, REPLICA_KEY],
        ...[`${TYPES.bucket} objects`, `${TYPES.bucket} objects-replica`],
        ...[`${TYPES.vault} backup`, `${TYPES.vault} backup-copy`, BACKUP_KEY],
        ...[`${TYPES.repository} image-api`, `${TYPES.repository} image-worker`],
        ...ours.filter(({ type }) => type === TYPES.logGroup).map(identity),
      ].sort(),
    );
    expect(isProtected(torn)).toEqual([]);
    expect(torn.map(identity)).toEqual(ours.map(identity));
  });

  it("are never deleted to be replaced, and what holds data says so, or the provider would decide", () => {
    const first = ours.filter(({ deleteBeforeReplace }) => deleteBeforeReplace === true);
    // A vault has one lock at a time; nothing is in it.
    expect(first.map(({ type }) => type)).toEqual([TYPES.vaultLock, TYPES.vaultLock]);
    const holding: readonly string[] = [
      ...[TYPES.database, TYPES.cache, TYPES.bucket, TYPES.repository, TYPES.logGroup, TYPES.vault],
    ];
    const said = ours.filter(({ type }) => holding.includes(type));
    expect(said).toHaveLength(13);
    for (const one of said) expect(one.deleteBeforeReplace, identity(one)).toBe(false);
  });

  it("have no secret in clear in anything that the engine gets", () => {
    const clear = inClear(kept.resources);
    for (const name of ["database-password", "database-owner-password", "redis-password", "jwt-key"])
      expect(clear, name).not.toContain(canary(name));
  });

  it("open no port to everybody but the edge's two", () => {
    const open = ours.filter(({ inputs: { cidrIpv4, cidrIpv6 } }) => cidrIpv4 !== undefined || cidrIpv6 !== undefined);
    expect(open.map(({ name, inputs: { fromPort, toPort } }) => [name, fromPort, toPort])).toEqual([
      ["edge-http-0.0.0.0-0", 80, 80],
      ["edge-https-0.0.0.0-0", 443, 443],
    ]);
    for (const { type, name, inputs: given } of ours.filter(({ type: of }) => of === TYPES.securityGroup))
      for (const key of ["ingress", "egress"]) expect(given, `${type} ${name}`).not.toHaveProperty(key);
  });

  it("are allowed nothing by an action or a resource that stands for all", () => {
    const allowed = ours
      .filter(({ type }) => type === TYPES.role || type === TYPES.rolePolicy)
      .flatMap(({ inputs: given }) => policyIn(given["policy"] ?? given["assumeRolePolicy"]).Statement);
    expect(allowed.length).toBeGreaterThan(10);
    for (const statement of allowed) {
      if (statement["Resource"] === "*") expect(statement["Action"]).toEqual(OF_NO_RESOURCE);
      for (const action of [statement["Action"]].flat()) expect(String(action)).not.toContain("*");
      // Who may take a role is a service, and for one thing of ours alone.
      if (statement["Principal"] !== undefined)
        expect(statement["Condition"]).toMatchObject({ StringEquals: { "aws:SourceAccount": "123456789012" } });
    }
  });

  it("encrypt every log with the logs' key and keep it for a time", () => {
    expect(names(ours, TYPES.logGroup)).toEqual([
      ...["cache-engine-log", "cache-slow-log", "database-postgresql", "database-upgrade", "edge-firewall"],
    ]);
    for (const { inputs: given } of ours.filter(({ type }) => type === TYPES.logGroup))
      expect(given).toMatchObject({ kmsKeyId: arnOf("kms", "key-logs"), retentionInDays: 90 });
  });

  it("have descriptions of letters that EC2 takes", () => {
    const types: readonly string[] = [TYPES.securityGroup, TYPES.ingress, TYPES.egress];
    for (const { name, inputs: given } of ours.filter(({ type }) => types.includes(type)))
      expect(given["description"], name).toMatch(/^[a-zA-Z0-9 ._:/()#,@[\]+=&;{}!$*-]{1,255}$/);
  });
});

describe("data services on the foundation", () => {
  const of = (type: string, name: string) => inputs(kept.resources, type, name);
  const rule = (name: string) => of(TYPES.ingress, name)["referencedSecurityGroupId"];

  it("encrypt each thing with the key that is for it", () => {
    const key = (purpose: string) => arnOf("kms", `key-${purpose}`);
    expect(of(TYPES.database, "database")).toMatchObject({
      kmsKeyId: key("database"),
      masterUserSecretKmsKeyId: key("secrets"),
      performanceInsightsKmsKeyId: key("database"),
    });
    expect(of(TYPES.cache, "cache")["kmsKeyId"]).toBe(key("cache"));
    expect(JSON.stringify(of(TYPES.encryption, "objects"))).toContain(`"${key("objects")}"`);
    expect(JSON.stringify(of(TYPES.repository, "image-api"))).toContain(`"${key("registry")}"`);
    expect(of(TYPES.secret, "secret-jwt-keys")["kmsKeyId"]).toBe(key("secrets"));
  });

  it("stand in the data subnets and let nobody in but the nodes, which their pods share a group with", () => {
    const subnets = ["a", "b", "c"].map((zone) => `data-eu-central-1${zone}-id`);
    for (const type of [TYPES.databaseSubnets, TYPES.cacheSubnets])
      expect(kept.resources.find((one) => one.type === type)?.inputs["subnetIds"]).toEqual(subnets);
    expect([rule("database-from-nodes"), rule("cache-from-nodes")]).toEqual(["sg-cluster", "sg-cluster"]);
  });

  it("are handed to the platform with host, roles, trust and where they are", async () => {
    const { database, cache, objects } = kept.result.data;
    expect([await known(output(database.is.host)), await known(output(database.fullHost))]).toEqual([
      ...["database.rds.example", "database.rds.example"],
    ]);
    expect(await known(output(cache.is.host))).toBe("cache.cache.example");
    expect([database.is.app.user, database.is.owner.user]).toEqual(["slipway_app", "slipway_owner"]);
    const passwords = [database.is.app, database.is.owner, cache.is].map(({ password }) => known(password));
    expect(await Promise.all(passwords)).toEqual(
      ["database-password", "database-owner-password", "redis-password"].map(canary),
    );
    expect([database.is.tls, cache.is.tls]).toEqual([{ ca: CA }, {}]);
    // Of the data subnets, and of no others.
    const subnets = kept.resources.filter(({ name }) => name.startsWith("data-eu-central-1"));
    const cidrs = subnets.map(({ inputs: given }) => given["cidrBlock"]).filter((cidr) => cidr !== undefined);
    expect(cidrs).toHaveLength(3);
    expect([database.where, cache.where]).toEqual([
      { port: 5432, cidrs },
      { port: 6379, cidrs },
    ]);
    expect(await known(output(objects.url))).toBe("s3://objects-made");
  });

  it("are waited for before a program starts", async () => {
    const { database, cache } = kept.result.data;
    const urns = [...database.ready, ...cache.ready].map(({ urn }) => known(urn));
    expect((await Promise.all(urns)).map((urn) => urn.split("::").at(-1))).toEqual(["database", "cache"]);
  });

  it("have alarms of each that tell the stack's topic", () => {
    const alarms = kept.resources.filter(({ type }) => type === TYPES.alarm);
    expect(alarms).toHaveLength(17);
    for (const { name, inputs: given } of alarms) expect(given["alarmActions"], name).toEqual([TOPIC]);
    const id = "slipway-unit-0badcafe";
    expect(of(TYPES.alarm, "alarm-database-cpu")["dimensions"]).toEqual({ DBInstanceIdentifier: id });
    expect(of(TYPES.alarm, "alarm-backup-copy-failed")["dimensions"]).toEqual({ BackupVaultName: "backup-made" });
    expect(of(TYPES.alarm, "alarm-cache-cpu-002")["dimensions"]).toMatchObject({ CacheClusterId: `${id}-002` });
    expect(of(TYPES.alarm, "alarm-edge-targets")["dimensions"]).toEqual({
      ...{ LoadBalancer: "app/edge", TargetGroup: "targetgroup/edge" },
    });
    expect(of(TYPES.alarm, "alarm-edge-certificate")["dimensions"]).toEqual({ CertificateArn: arnOf("acm", "edge") });
  });

  it("ask for no other region and set no budget where the file names none", async () => {
    const { resources } = await recordAwsStack(settingsOf({ objects: {}, backup: {}, budget: undefined }));
    expect(resources.filter(({ name }) => name === "elsewhere" || /replica|copy/.test(name))).toEqual([]);
    expect(names(resources, TYPES.budget)).toEqual([]);
    expect(names(ours, TYPES.budget)).toEqual(["budget"]);
  });
});

describe("the edge on the foundation", () => {
  const of = (type: string, name: string) => inputs(kept.resources, type, name);

  it("leads to all pools that last, and to none of spot or of GPUs", () => {
    expect(names(ours, TYPES.targets)).toEqual(["edge-cpu", "edge-system"]);
    expect(of(TYPES.targets, "edge-cpu")["autoscalingGroupName"]).toBe("asg-of-nodes-cpu");
    expect(names(kept.resources, "aws:eks/nodeGroup:NodeGroup")).toEqual(
      expect.arrayContaining(["nodes-cpu-spot", "nodes-gpu-l4"]),
    );
  });

  it("reaches the nodes' one port through the group that EKS gave them", () => {
    expect(of(TYPES.ingress, "nodes-from-edge")).toMatchObject({
      ...{ securityGroupId: "sg-cluster", fromPort: NODE_PORT, toPort: NODE_PORT },
    });
    expect(of(TYPES.targetGroup, "edge")["port"]).toBe(NODE_PORT);
  });

  it("is made after the way to the internet, and gone before it", () => {
    expect(waitsFor(kept.resources, TYPES.loadBalancer, "edge")).toEqual(
      expect.arrayContaining(["aws:ec2/route:Route private-eu-central-1a-nat"]),
    );
    expect(of(TYPES.loadBalancer, "edge")["subnets"]).toEqual(
      ["a", "b", "c"].map((zone) => `public-eu-central-1${zone}-id`),
    );
  });
});

describe("roles of programs", () => {
  const policyOf = (name: string) => policyIn(inputs(ours, TYPES.rolePolicy, name)["policy"]).Statement;
  const actions = (name: string) => policyOf(name).flatMap(({ Action }) => Action);

  it("let each do with artifacts what it does, and give none to who does nothing", () => {
    expect(names(ours, "aws:eks/podIdentityAssociation:PodIdentityAssociation")).toEqual([
      ...["objects-api", "objects-worker-cpu"],
    ]);
    expect(actions("objects-api")).toEqual(["s3:ListBucket", "s3:GetObject", "kms:Decrypt"]);
    expect(actions("objects-worker-cpu")).toEqual(expect.arrayContaining(["s3:PutObject", "s3:DeleteObject"]));
  });

  it("are for the pods of that program's account alone", () => {
    const association = inputs(ours, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "objects-worker-cpu");
    expect(association).toMatchObject({ namespace: "slipway-unit", serviceAccount: "worker-cpu" });
    const [trust] = policyIn(inputs(ours, TYPES.role, "objects-worker-cpu")["assumeRolePolicy"]).Statement;
    expect(trust?.["Condition"]).toMatchObject({
      StringEquals: { "aws:RequestTag/kubernetes-service-account": "worker-cpu" },
    });
  });
});
