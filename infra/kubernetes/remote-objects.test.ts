import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  at,
  clusterStack,
  inputsOf,
  listAt,
  namesOf,
  podsOf,
  recordCluster,
  TYPES,
  type RecordedCluster,
} from "../../test/pulumi/kubernetes.ts";

const URL = "s3://artifacts/slipway";
const KEYS = { objectsAccessKeyId: "AKIDEXAMPLE", objectsSecretAccessKey: "#se=cr;et/+" };
const S3 = { url: URL, region: "eu-central-1" };
const FILE = "objects-credentials";
const PROGRAMS = ["api", "worker-cpu"];

const withObjects = (objects: object, secrets: Record<string, string> = {}) =>
  recordCluster(clusterStack({ objects }), { secrets });
const settingsOf = (stack: RecordedCluster, name: string) => inputsOf(stack, TYPES.configMap, name)["data"];
const filesOf = (stack: RecordedCluster, name: string) => inputsOf(stack, TYPES.secret, `secrets-${name}`)["data"];
const egress = (stack: RecordedCluster) => inputsOf(stack, TYPES.policy, "clients-to-objects")["spec"];

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What is in the bucket is backed up: by Postgres' pod, and looked at by drills and restores. */
const CLIENTS = ["api", "worker-cpu", "worker-gpu", "postgres", "drill", "restore"];

describe("an object store that exists", () => {
  it("needs no disk, and programs are told where it is", async () => {
    const stack = await withObjects(S3, KEYS);
    expect(namesOf(stack, TYPES.claim)).toEqual(["backups"]);
    const volumes = [...podsOf(stack).values()].flatMap((pod) => listAt(pod, "volumes"));
    expect(volumes.length).toBeGreaterThan(0);
    expect(volumes.filter((volume) => at(volume, "name") === "objects")).toEqual([]);
    for (const name of PROGRAMS) {
      expect(settingsOf(stack, name)).toMatchObject({
        ...{ OBJECTS_URL: URL, AWS_REGION: "eu-central-1", AWS_EC2_METADATA_DISABLED: "true" },
        AWS_SHARED_CREDENTIALS_FILE: `/run/secrets/slipway/${FILE}`,
      });
      expect(settingsOf(stack, name)).not.toHaveProperty("AWS_ENDPOINT_URL_S3");
    }
  });

  it("is opened by a file that the S3 client reads, which only those have that need it", async () => {
    const stack = await withObjects(S3, KEYS);
    for (const name of ["migrate", "postgres", "redis"]) expect(filesOf(stack, name)).not.toHaveProperty([FILE]);
    expect(settingsOf(stack, "migrate")).not.toHaveProperty("AWS_REGION");
    expect(JSON.stringify(settingsOf(stack, "api"))).not.toContain(KEYS.objectsSecretAccessKey);
    for (const name of PROGRAMS) {
      const content = Buffer.from(String(at(filesOf(stack, name), FILE)), "base64").toString("utf8");
      expect(await credentialsIn(content)).toMatchObject({
        accessKeyId: KEYS.objectsAccessKeyId,
        secretAccessKey: KEYS.objectsSecretAccessKey,
      });
    }
  });

  it("is opened by a role where the accounts say whose pods they are", async () => {
    const annotations = { "eks.amazonaws.com/role-arn": "arn:aws:iam::012345678901:role/artifacts" };
    const stack = await withObjects({ ...S3, serviceAccountAnnotations: annotations });
    const of = (name: string) => at(inputsOf(stack, TYPES.account, name), "metadata", "annotations");
    for (const name of PROGRAMS) {
      expect(of(name)).toEqual(annotations);
      expect(filesOf(stack, name)).not.toHaveProperty([FILE]);
      expect(settingsOf(stack, name)).not.toHaveProperty("AWS_SHARED_CREDENTIALS_FILE");
    }
    expect(of("migrate")).toBeUndefined();
  });

  it.each([
    [{}, ["0.0.0.0/0"], 443],
    [{ cidrs: ["10.9.0.0/24"] }, ["10.9.0.0/24"], 443],
    [{ endpoint: "https://minio.example.org" }, ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], 443],
    [{ endpoint: "http://minio.example.org", cidrs: ["10.9.0.7/32"] }, ["10.9.0.7/32"], 80],
    [{ endpoint: "https://minio.example.org:9000", cidrs: ["10.9.0.7/32"] }, ["10.9.0.7/32"], 9000],
  ])("is all that its programs may reach besides: %j", async (more, cidrs, port) => {
    const stack = await withObjects({ ...S3, ...more }, KEYS);
    expect(egress(stack)).toEqual({
      podSelector: {
        matchExpressions: [{ key: "app.kubernetes.io/name", operator: "In", values: CLIENTS }],
      },
      policyTypes: ["Egress"],
      egress: cidrs.map((cidr) => ({ to: [{ ipBlock: { cidr } }], ports: [{ protocol: "TCP", port }] })),
    });
    const told = at(settingsOf(stack, "api"), "AWS_ENDPOINT_URL_S3");
    expect(told).toBe("endpoint" in more ? more.endpoint : undefined);
  });

  it("is nobody's where the stack names none", async () => {
    const stack = await withObjects({}, {});
    expect(namesOf(stack, TYPES.claim)).toEqual(["backups", "objects"]);
    expect(namesOf(stack, TYPES.policy)).not.toContain("clients-to-objects");
    expect(settingsOf(stack, "api")).not.toHaveProperty("AWS_REGION");
    expect(at(inputsOf(stack, TYPES.account, "api"), "metadata")).not.toHaveProperty("annotations");
  });
});

/** What the client finds, as in a pod: there is no other source. */
async function credentialsIn(content: string) {
  const folder = mkdtempSync(join(tmpdir(), "slipway-objects-"));
  try {
    const file = join(folder, FILE);
    writeFileSync(file, content);
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", file);
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    const client = new S3Client({ region: "eu-central-1" });
    return await client.config.credentials();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
