import { secret } from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { dataSettings, inClear, inputs, KEYS, names, one, recordAws, TYPES } from "../../test/pulumi/aws-data.ts";
import { isSecretEnvelope, type RecordedResource } from "../../test/pulumi/recorder.ts";
import { resolveSize } from "../plan/sizes.ts";
import { cache } from "./cache.ts";
import type { AwsPlace } from "./place.ts";

const PASSWORD = "Canary-of-cache-Zq7";
const NAME = "slipway-unit-0badcafe";

const make =
  (settings: object = {}, password = PASSWORD) =>
  (place: AwsPlace) =>
    cache({
      settings: dataSettings({ cache: settings }).cache,
      size: resolveSize("unit", "medium").cache,
      vpcId: "vpc-1",
      subnetIds: ["subnet-a", "subnet-b"],
      sources: { nodes: "sg-nodes" },
      keys: KEYS,
      password: secret(password),
      token: { value: secret(password), isBesideLast: false },
      place,
    });

let made: { result: ReturnType<typeof cache>; resources: readonly RecordedResource[] };
beforeAll(async () => {
  made = await recordAws(make());
});

const group = () => inputs(made.resources, TYPES.cache, "cache");

describe("Redis of ElastiCache", () => {
  it("is Valkey of a pinned version and the stack's size, whose replicas take over in other zones", () => {
    expect(group()).toMatchObject({
      ...{ engine: "valkey", engineVersion: "8.1", autoMinorVersionUpgrade: false, nodeType: "cache.m7g.large" },
      ...{ numCacheClusters: 2, multiAzEnabled: true, automaticFailoverEnabled: true, replicationGroupId: NAME },
    });
    // One shard: keys of a script lie together.
    for (const key of ["numNodeGroups", "clusterMode"]) expect(group()).not.toHaveProperty(key);
  });

  it("waits for its window with what restarts it, and is never deleted to be replaced", () => {
    expect(group()).toMatchObject({ applyImmediately: false, maintenanceWindow: "sun:05:00-sun:06:00" });
    expect(one(made.resources, TYPES.cache, "cache").deleteBeforeReplace).toBe(false);
  });

  it("takes TLS and the password alone, and is encrypted with our key", () => {
    expect(group()).toMatchObject({
      ...{ transitEncryptionEnabled: true, transitEncryptionMode: "required" },
      ...{ atRestEncryptionEnabled: true, kmsKeyId: KEYS.cache, authTokenUpdateStrategy: "SET" },
    });
  });

  it("has the password in an envelope and nowhere in clear", () => {
    expect(group()["authToken"]).toBe(PASSWORD);
    expect(isSecretEnvelope(one(made.resources, TYPES.cache, "cache").sent["authToken"])).toBe(true);
    expect(inClear(made.resources)).not.toContain(PASSWORD);
  });

  it("refuses writes when it is full: a queue that evicts loses jobs", () => {
    expect(inputs(made.resources, TYPES.cacheParameters, "cache-valkey8")).toMatchObject({
      ...{ family: "valkey8", parameters: [{ name: "maxmemory-policy", value: "noeviction" }] },
    });
    expect(group()["parameterGroupName"]).toBe("cache-valkey8-made");
  });

  it("is Redis where the stack's file says so, with a group of its own", async () => {
    const redis = await recordAws(make({ engine: "redis", nodes: 3 }));
    expect(inputs(redis.resources, TYPES.cache, "cache")).toMatchObject({
      ...{ engine: "redis", engineVersion: "7.1", numCacheClusters: 3, parameterGroupName: "cache-redis7-made" },
    });
  });

  it("is reached from the given groups alone, on one port, and calls nobody", () => {
    expect(group()).toMatchObject({ subnetGroupName: "cache-made", securityGroupIds: ["cache-id"], port: 6379 });
    expect(inputs(made.resources, TYPES.cacheSubnets, "cache")["subnetIds"]).toEqual(["subnet-a", "subnet-b"]);
    expect(names(made.resources, TYPES.ingress)).toEqual(["cache-from-nodes"]);
    expect(inputs(made.resources, TYPES.ingress, "cache-from-nodes")).toMatchObject({
      ...{ securityGroupId: "cache-id", referencedSecurityGroupId: "sg-nodes", ipProtocol: "tcp" },
      ...{ fromPort: 6379, toPort: 6379 },
    });
    expect(names(made.resources, TYPES.egress)).toEqual([]);
  });

  it("leaves snapshots of a week, and one at its end", () => {
    expect(group()).toMatchObject({
      ...{ snapshotRetentionLimit: 7, snapshotWindow: "03:00-04:00", finalSnapshotIdentifier: `${NAME}-final` },
    });
  });

  it("writes its logs into encrypted groups that are kept for a time", () => {
    expect(group()["logDeliveryConfigurations"]).toEqual(
      ["slow-log", "engine-log"].map((logType) => ({
        ...{ logType, logFormat: "json", destinationType: "cloudwatch-logs" },
        destination: `/slipway/unit/cache/${logType}`,
      })),
    );
    for (const log of ["slow-log", "engine-log"])
      expect(inputs(made.resources, TYPES.logGroup, `cache-${log}`)).toMatchObject({
        ...{ retentionInDays: 90, kmsKeyId: KEYS.logs },
      });
  });

  it("is protected where the stack keeps its data, and not where it is torn down", async () => {
    const gone = await recordAws(make(), { keep: false });
    expect(one(made.resources, TYPES.cache, "cache").isProtected).toBe(true);
    expect(one(gone.resources, TYPES.cache, "cache").isProtected).toBe(false);
  });

  it("is what the services get: host, password, and a certificate that Node can check by itself", async () => {
    const { is } = made.result;
    expect({ ...is, host: "", password: "" }).toEqual({ host: "", port: 6379, password: "", tls: {} });
  });
});
