import { describe, expect, it } from "vitest";
import { LEAST } from "../test/pulumi/aws.ts";
import { parseStackConfig, StackConfigError, type RawConfig } from "./stack.ts";

const DIGEST = `@sha256:${"a".repeat(64)}`;
const IMAGES = { api: `r.example/api${DIGEST}`, worker: `r.example/worker${DIGEST}` };
const DATA = {
  ...{ postgres: `r.example/postgres${DIGEST}`, redis: `r.example/redis${DIGEST}` },
  backup: `r.example/backup${DIGEST}`,
};
const GOOD = { images: { ...IMAGES, ...DATA } };

function raw(values: Readonly<Record<string, unknown>>, secrets: Readonly<Record<string, string>> = {}): RawConfig {
  const all = { platform: "kubernetes", environment: "prod", ...values, ...secrets };
  const texts = Object.entries(all).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return {
    values: Object.fromEntries(texts) as Record<string, string>,
    isSecret: (key) => Object.hasOwn(secrets, key),
  };
}

function refusal(config: RawConfig): string {
  try {
    parseStackConfig("cluster", config);
  } catch (error) {
    if (error instanceof StackConfigError) return error.message;
    throw error;
  }
  throw new Error("expected a StackConfigError");
}

describe("kubernetes", () => {
  it("needs images alone", () => {
    expect(parseStackConfig("cluster", raw({ kubernetes: GOOD })).kubernetes).toEqual({
      ...GOOD,
      importedImages: false,
      cpuRequestPercent: 50,
      autoscaler: "auto",
      api: { minReplicas: 2, maxReplicas: 4 },
      workers: { minReplicas: 0, maxReplicas: 4 },
      gpuWorkers: { minReplicas: 0, maxReplicas: 1 },
      cpuTargetPercent: 70,
      keda: { namespace: "keda", pollingSeconds: 10, cooldownSeconds: 300 },
      busyWorkers: {
        marked: true,
        ...{ apiCidrs: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], apiPorts: [443, 6443] },
      },
      gpu: { daemons: true },
      postgres: { storageGiB: 20, maxConnections: 200 },
      redis: { storageGiB: 5 },
      backups: { storageGiB: 80 },
      objects: { storageGiB: 10 },
    });
  });

  it.each([
    ["no section", {}, "slipway:kubernetes is missing: must say which images run"],
    [
      "an image without a digest",
      { kubernetes: { images: { ...GOOD.images, api: "r.example/api:1.2" } } },
      'slipway:kubernetes.images.api is "r.example/api:1.2": must end in its digest',
    ],
    [
      "half a digest",
      { kubernetes: { images: { ...GOOD.images, worker: "w@sha256:abc" } } },
      "slipway:kubernetes.images.worker is",
    ],
    [
      "no image of Postgres",
      { kubernetes: { images: { ...IMAGES, redis: DATA.redis } } },
      "slipway:kubernetes.images.postgres is missing",
    ],
    [
      "no image of the backup agent",
      { kubernetes: { images: { ...GOOD.images, backup: undefined } } },
      "slipway:kubernetes.images.backup is missing: must name the image of the backup agent, or backup.enabled must be false",
    ],
    [
      "an unknown key",
      { kubernetes: { ...GOOD, replicas: 3 } },
      "slipway:kubernetes.replicas is not a key of this program",
    ],
    [
      "a range upside down",
      { kubernetes: { ...GOOD, workers: { minReplicas: 5 } } },
      "slipway:kubernetes.workers.maxReplicas is",
    ],
    [
      "metrics without a namespace",
      { kubernetes: { ...GOOD, metrics: {} } },
      "slipway:kubernetes.metrics.namespace is missing",
    ],
    ["an API of none", { kubernetes: { ...GOOD, api: { minReplicas: 0 } } }, "slipway:kubernetes.api.minReplicas is 0"],
    [
      "an unknown sharing",
      { kubernetes: { ...GOOD, gpu: { sharing: { mode: "half" } } } },
      "slipway:kubernetes.gpu.sharing",
    ],
    [
      "one turn",
      { kubernetes: { ...GOOD, gpu: { sharing: { mode: "time-slicing", replicas: 1 } } } },
      "sharing.replicas is 1",
    ],
    ["a folder of the node", { kubernetes: GOOD, speech: { modelFolder: "/srv/m" } }, "slipway:speech.modelFolder is"],
    [
      "kokoro without its claim",
      { kubernetes: GOOD, speech: { engine: "kokoro" } },
      "slipway:kubernetes.modelClaim is missing",
    ],
    [
      "a GPU without NVIDIA's images",
      { kubernetes: GOOD, gpu: { mode: "on" } },
      "slipway:kubernetes.images.devicePlugin is missing",
    ],
    [
      "a server elsewhere without its password",
      { kubernetes: { images: { ...IMAGES, ...DATA, redis: undefined }, redis: { external: { host: "r.example" } } } },
      "slipway:redisPassword is missing",
    ],
    [
      "the section on another platform",
      { platform: "docker", kubernetes: GOOD },
      "must be left out where platform is docker",
    ],
    [
      "networks that are none",
      { kubernetes: { ...GOOD, redis: { external: { host: "r", cidrs: ["10.0.0.0"] } } } },
      "external.cidrs.0 is",
    ],
    [
      "a cluster's API that is nowhere",
      { kubernetes: { ...GOOD, busyWorkers: { apiCidrs: [] } } },
      "slipway:kubernetes.busyWorkers.apiCidrs",
    ],
    [
      "a port of it that is none",
      { kubernetes: { ...GOOD, busyWorkers: { apiPorts: [0] } } },
      "slipway:kubernetes.busyWorkers.apiPorts.0 is 0",
    ],
  ])("refuses %s, and says where", (_what, values, fault) => {
    expect(refusal(raw(values))).toContain(fault);
  });

  it("takes tags where images were brought by hand", () => {
    const images = { api: "slipway/api:1", worker: "slipway/worker:1", postgres: "p:1", redis: "r:1" };
    expect(parseStackConfig("cluster", raw({ kubernetes: { images, importedImages: true } })).kubernetes).toMatchObject(
      {
        images,
      },
    );
  });

  it("needs no names of images that were brought by hand, or only some", () => {
    const read = (images?: object) =>
      parseStackConfig("cluster", raw({ kubernetes: { importedImages: true, ...(images && { images }) } })).kubernetes
        ?.images;
    expect(read()).toEqual({});
    expect(read({ api: "a:1" })).toEqual({ api: "a:1" });
  });

  it.each(["api", "worker"] as const)("needs the name of %s where it is pulled", (name) => {
    const others = Object.fromEntries(Object.entries(GOOD.images).filter(([key]) => key !== name));
    expect(refusal(raw({ kubernetes: { images: others } }))).toContain(
      `slipway:kubernetes.images.${name} is missing: must name the image of ${name} in a registry`,
    );
  });

  it("takes a server elsewhere with the secrets that open it", () => {
    const external = { host: "db.example" };
    const kubernetes = { images: { ...IMAGES, redis: DATA.redis }, postgres: { external } };
    const secrets = { databasePassword: "0123456789abcdef", databaseOwnerPassword: "0123456789abcdef" };
    expect(parseStackConfig("cluster", raw({ kubernetes }, secrets)).kubernetes?.postgres.external).toEqual({
      ...{ host: "db.example", port: 5432, database: "slipway" },
      cidrs: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
    });
  });

  it("takes a kubeconfig as a secret alone, and prints nothing of it", () => {
    const kubeconfig = "apiVersion: v1\nkind: Config\nclusters: []\n";
    expect(parseStackConfig("cluster", raw({ kubernetes: GOOD }, { kubeconfig }))).not.toHaveProperty("kubeconfig");
    expect(refusal(raw({ kubernetes: GOOD, kubeconfig }))).toContain("slipway:kubeconfig stands in clear.");
    const wrong = refusal(raw({ kubernetes: GOOD }, { kubeconfig: "Canary-kubeconfig" }));
    expect(wrong).toContain("slipway:kubeconfig is no kubeconfig");
    expect(wrong).not.toContain("Canary");
  });

  const S3 = { url: "s3://artifacts/slipway", region: "eu-central-1" };
  const KEYS = { objectsAccessKeyId: "AKIDEXAMPLE", objectsSecretAccessKey: "secret/canary" };
  const ROLE = { serviceAccountAnnotations: { "eks.amazonaws.com/role-arn": "arn" } };

  it.each([
    ["both of its keys", S3, KEYS],
    ["a role", { ...S3, ...ROLE }, {}],
  ])("takes a bucket with %s", (_what, objects, secrets) => {
    expect(parseStackConfig("cluster", raw({ kubernetes: { ...GOOD, objects } }, secrets)).kubernetes?.objects).toEqual(
      {
        storageGiB: 10,
        ...objects,
      },
    );
  });

  it.each<[string, object, Record<string, string>, string]>([
    [
      "a bucket that nothing opens",
      S3,
      {},
      "slipway:objectsAccessKeyId is missing, which opens kubernetes.objects.url",
    ],
    [
      "half of its keys, whatever the role",
      { ...S3, ...ROLE },
      { objectsAccessKeyId: "AKIDEXAMPLE" },
      "slipway:objectsSecretAccessKey is missing",
    ],
    ["keys of no bucket", {}, KEYS, "slipway:objectsAccessKeyId opens nothing without slipway:kubernetes.objects.url"],
    ["a bucket of no region", { url: S3.url }, KEYS, "slipway:kubernetes.objects.region is missing"],
    ["another scheme", { ...S3, url: "https://artifacts" }, KEYS, "slipway:kubernetes.objects.url is"],
    ["an endpoint with a path", { ...S3, endpoint: "https://h/x" }, KEYS, "slipway:kubernetes.objects.endpoint is"],
    ["networks of no bucket", { cidrs: ["10.0.0.0/8"] }, {}, "slipway:kubernetes.objects.cidrs is"],
    [
      "a key with a line of its own",
      S3,
      { ...KEYS, objectsSecretAccessKey: "canary\nrole_arn=x" },
      "slipway:objectsSecretAccessKey (17 characters) must be 3 to 256 characters without a space.",
    ],
  ])("refuses %s, and prints no key", (_what, objects, secrets, fault) => {
    const said = refusal(raw({ kubernetes: { ...GOOD, objects } }, secrets));
    expect(said).toContain(fault);
    expect(said).not.toContain("canary");
  });

  const nvidia = { devicePlugin: `r.example/plugin${DIGEST}`, dcgmExporter: `r.example/dcgm${DIGEST}` };
  const keda = { kedaOperator: `r.example/keda${DIGEST}`, kedaMetricsServer: `r.example/keda-metrics${DIGEST}` };
  const onAws = (gpu: object, shapes: readonly string[]) =>
    raw({
      ...{ platform: "aws", environment: "dev", kubernetes: { images: { ...nvidia, ...keda }, gpu } },
      aws: {
        ...{ ...LEAST, data: { ...LEAST.data, database: { caBundle: "rds.pem" } } },
        pools: { gpu: shapes.map((shape) => ({ shape, max: 1 })) },
      },
    });

  it("takes the only shape of GPUs on AWS, or the one that is named", () => {
    expect(parseStackConfig("prod", onAws({}, ["l4"])).kubernetes?.gpu.shape).toBeUndefined();
    expect(parseStackConfig("prod", onAws({ shape: "l4" }, ["h100x8", "l4"])).kubernetes?.gpu.shape).toBe("l4");
  });

  it.each<[string, RawConfig, string]>([
    [
      "several shapes of GPUs of which none is named",
      onAws({}, ["h100x8", "l4"]),
      "slipway:kubernetes.gpu.shape is missing: must be a shape of aws.pools.gpu: h100x8 or l4.",
    ],
    [
      "a shape without a pool",
      onAws({ shape: "t4" }, ["l4"]),
      'slipway:kubernetes.gpu.shape is "t4": must be a shape of aws.pools.gpu: l4.',
    ],
    [
      "labels of nodes that the stack makes itself",
      onAws({ nodeSelector: { pool: "l4" } }, ["l4"]),
      "must be left out where platform is aws: the stack makes its own; gpu.shape picks among them",
    ],
    [
      "a shape in a cluster that exists",
      raw({ kubernetes: { ...GOOD, gpu: { shape: "l4" } } }),
      "must be left out where platform is kubernetes: nodeSelector says it",
    ],
  ])("refuses %s", (_what, config, fault) => {
    expect(refusal(config)).toContain(fault);
  });

  it("refuses a bucket beside the one that a stack on AWS makes itself", () => {
    const said = refusal(raw({ platform: "aws", kubernetes: { objects: S3 }, aws: LEAST }, {}));
    expect(said).toContain("slipway:kubernetes.objects.url is");
    expect(said).toContain("must be left out where platform is aws: the stack makes its own");
  });
});
