import { describe, expect, it } from "vitest";
import { parseStackConfig, StackConfigError, type RawConfig } from "./stack.ts";

const DIGEST = `@sha256:${"a".repeat(64)}`;
const IMAGES = { api: `r.example/api${DIGEST}`, worker: `r.example/worker${DIGEST}` };
const DATA = { postgres: `r.example/postgres${DIGEST}`, redis: `r.example/redis${DIGEST}` };
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
      autoscaler: "keda",
      api: { minReplicas: 2, maxReplicas: 4 },
      workers: { minReplicas: 0, maxReplicas: 4 },
      gpuWorkers: { minReplicas: 0, maxReplicas: 1 },
      cpuTargetPercent: 70,
      keda: { namespace: "keda", pollingSeconds: 10, cooldownSeconds: 300, sslMode: "require" },
      gpu: { sharing: { mode: "none" }, nodeSelector: { "nvidia.com/gpu.present": "true" }, daemons: true },
      postgres: { storageGiB: 20, maxConnections: 200 },
      redis: { storageGiB: 5 },
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
      "an unknown key",
      { kubernetes: { ...GOOD, replicas: 3 } },
      "slipway:kubernetes.replicas is not a key of this program",
    ],
    [
      "a range upside down",
      { kubernetes: { ...GOOD, workers: { minReplicas: 5 } } },
      "slipway:kubernetes.workers.maxReplicas is",
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
      { kubernetes: { images: { ...IMAGES, postgres: DATA.postgres }, redis: { external: { host: "r.example" } } } },
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
});
