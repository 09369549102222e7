import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { stackSchema, type StackConfig } from "../configs/stack.ts";
import { authorityCertificate } from "../infra/kubernetes/certificate.ts";
import { PlanError } from "../infra/plan/plan-error.ts";
import { FOUNDATION_ANSWERS, LEAST } from "../test/pulumi/aws.ts";
import { ANSWERS, ECR_LOGIN } from "../test/pulumi/aws-data.ts";
import { manifestOfAll } from "../test/pulumi/docker-stack.ts";
import { at, CLUSTER_ANSWERS, inputsOf, listAt, namesOf, podsOf, TYPES } from "../test/pulumi/kubernetes.ts";
import { known, record, type Functions, type RecordedResource } from "../test/pulumi/recorder.ts";
import { prod, type ProdOutputs } from "./prod.ts";

vi.mock("../infra/images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const CA = authorityCertificate("a-seed-of-many-random-characters-0123456789");
const DIGEST = `sha256:${"d".repeat(64)}`;
const IMAGE_TYPES = {
  built: "docker:index/remoteImage:RemoteImage",
  pushed: "docker:index/registryImage:RegistryImage",
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-prod-"));
  writeFileSync(join(folder, "rds.pem"), CA);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A stack's file, but for what a test says. */
function stackOf(aws: object = {}, more: object = {}): StackConfig {
  const data = {
    ...LEAST.data,
    database: { caBundle: join(folder, "rds.pem") },
    budget: { monthlyUsd: 900, emails: ["ops@example.org"] },
  };
  return stackSchema.parse({ platform: "aws", environment: "prod", aws: { ...LEAST, data, ...aws }, ...more });
}

/** Every type in every zone, but for those that a test takes away. */
function ec2(without: readonly string[] = []): Functions {
  return {
    ...ECR_LOGIN,
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": ({ filters }) => {
      const types = (filters as readonly { readonly values: readonly string[] }[])[0]?.values ?? [];
      const rows = types
        .filter((type) => !without.includes(type))
        .flatMap((type) => LEAST.network.zones.map((zone) => ({ type, zone })));
      return { instanceTypes: rows.map(({ type }) => type), locations: rows.map(({ zone }) => zone) };
    },
  };
}

interface Recorded {
  readonly result: ProdOutputs;
  readonly resources: readonly RecordedResource[];
}

function run(file: StackConfig, functions = ec2()): Promise<Recorded> {
  const answers = { ...FOUNDATION_ANSWERS, ...ANSWERS, ...CLUSTER_ANSWERS };
  const pushed = { [IMAGE_TYPES.pushed]: () => ({ sha256Digest: DIGEST }) };
  return record(() => prod(file), { ...answers, ...pushed }, {}, functions);
}

describe("prod", () => {
  let stack: Recorded;
  beforeAll(async () => {
    stack = await run(stackOf());
  });

  it("says where the API answers, and what runs", async () => {
    expect(await known(stack.result.url)).toBe("https://api.example.org");
    expect(await known(stack.result.namespace)).toBe("slipway-unit");
    expect(Object.keys(await known(stack.result.serving))).toEqual(["api", "worker-cpu", "marker"]);
  });

  it("refuses credentials of another account", () => {
    const providers = stack.resources.filter(({ type }) => type === "pulumi:providers:aws");
    expect(providers.length).toBeGreaterThan(0);
    for (const { inputs } of providers) {
      expect(inputs["region"]).toBe("eu-central-1");
      expect(JSON.parse(String(inputs["allowedAccountIds"]))).toEqual([LEAST.account]);
    }
  });

  it("makes every resource of AWS by that provider, and everything in the cluster by one that it made a kubeconfig for", () => {
    const of = (prefix: string) => stack.resources.filter(({ type }) => type.startsWith(prefix));
    expect(of("aws:").filter(({ provider }) => !provider.includes("pulumi:providers:aws::aws::"))).toEqual([]);
    expect(of("kubernetes:").filter(({ provider }) => !provider.includes("::cluster::"))).toEqual([]);
    const [cluster] = stack.resources.filter(({ type }) => type === TYPES.provider);
    expect(String(cluster?.inputs["kubeconfig"])).toContain("https://cluster.eks.example");
  });

  it("builds the programs, pushes them to its own registry, and runs them by the digest that came back", () => {
    const built = inputsOf(stack, IMAGE_TYPES.built, "image-api");
    expect(built["name"]).toBe(`registry.example/image-api:${manifestOfAll().images.api.hash}`);
    for (const pod of ["Deployment api", "Deployment worker-cpu", "Job migrate"]) {
      const container = at(podsOf(stack).get(pod), "containers", 0);
      expect(String(at(container, "image")).endsWith(`@${DIGEST}`), pod).toBe(true);
      expect(at(container, "imagePullPolicy")).toBe("IfNotPresent");
    }
  });

  it("has nothing in the cluster that holds data, and the programs know where it is instead", () => {
    expect([...namesOf(stack, TYPES.statefulSet), ...namesOf(stack, TYPES.claim)]).toEqual([]);
    const settings = inputsOf(stack, TYPES.configMap, "worker-cpu")["data"];
    expect(settings).toMatchObject({ DATABASE_TLS: "verify", REDIS_TLS: "verify" });
    expect(String(at(settings, "OBJECTS_URL"))).toMatch(/^s3:\/\//);
  });

  it("sizes pods, ranges and worker by the size, not by the defaults of other platforms", () => {
    const limits = at(podsOf(stack).get("Deployment worker-cpu"), "containers", 0, "resources", "limits");
    expect(limits).toEqual({ cpu: "1", memory: "1Gi" });
    const scaled = inputsOf(stack, TYPES.scaledObject, "worker-cpu-scale")["spec"];
    expect([at(scaled, "minReplicaCount"), at(scaled, "maxReplicaCount")]).toEqual([0, 8]);
    expect(at(inputsOf(stack, TYPES.hpa, "api"), "spec", "maxReplicas")).toBe(4);
  });

  it("lets workers go on spot nodes, and the API and migrations not", () => {
    const tolerated = (pod: string) => listAt(podsOf(stack).get(pod), "tolerations");
    expect(tolerated("Deployment worker-cpu")).toEqual([
      { key: "slipway/capacity", operator: "Equal", value: "spot", effect: "NoSchedule" },
    ]);
    expect([...tolerated("Deployment api"), ...tolerated("Job migrate")]).toEqual([]);
  });

  it("waits with pods until the cluster takes them and their roles are there", () => {
    const [migrate] = stack.resources.filter(({ type }) => type === TYPES.job);
    const waits = (migrate?.dependencies ?? []).join();
    for (const part of ["Addon::", "NodeGroup::", "PodIdentityAssociation::objects-api"])
      expect(waits, part).toContain(part);
  });

  it("makes the database's roles by a step of its own, which alone reads the master's secret, before migrations", () => {
    const [prepare, migrate] = ["prepare", "migrate"].map((name) =>
      stack.resources.find((one) => one.type === TYPES.job && one.name === name),
    );
    expect(migrate?.dependencies.join()).toContain("Job::prepare");
    const settings = inputsOf(stack, TYPES.configMap, "prepare")["data"];
    const secret = String(at(settings, "DATABASE_MASTER_SECRET"));
    expect(secret).toMatch(/^arn:aws:secretsmanager:/);
    expect(at(prepare?.inputs, "spec", "template", "spec", "serviceAccountName")).toBe("prepare");
    const rights = stack.resources.filter(
      ({ type, inputs }) =>
        type === "aws:iam/rolePolicy:RolePolicy" && JSON.stringify(inputs).includes("GetSecretValue"),
    );
    expect(rights.map(({ name }) => name)).toEqual(["prepare"]);
    const policy = JSON.parse(String(rights[0]?.inputs["policy"])) as { Statement: readonly object[] };
    expect(policy.Statement).toEqual([
      { Effect: "Allow", Action: ["secretsmanager:GetSecretValue"], Resource: secret },
      expect.objectContaining({
        Action: ["kms:Decrypt"],
        Condition: { StringEquals: { "kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com" } },
      }),
    ]);
    const clients = at(
      inputsOf(stack, TYPES.policy, "clients-to-postgres"),
      "spec",
      "podSelector",
      "matchExpressions",
      0,
    );
    expect(at(clients, "values")).toContain("prepare");
    const peers = at(inputsOf(stack, TYPES.policy, "prepare-to-secrets"), "spec", "podSelector", "matchExpressions", 0);
    expect(at(peers, "values")).toEqual(["prepare"]);
  });

  it("shows no secret in clear", () => {
    const sent = JSON.stringify(stack.resources.map((one) => one.sent));
    const passwords = stack.resources.filter(({ type }) => type === TYPES.password);
    expect(passwords.length).toBeGreaterThan(3);
    // Secrets stand in envelopes: taken out, no canary is left.
    const clear = JSON.stringify(stack.resources.map(({ sent: own }) => withoutSecrets(own)));
    expect(sent).toContain("anary");
    expect(clear).not.toMatch(/anary/i);
  });
});

/** Everything but what stands in a secret's envelope. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  if (Object.values(value).includes("1b47061264138c4ac30d75fd1eb44270")) return "secret";
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSecrets(inner)]));
}

describe("Pulumi.prod.yaml", () => {
  it("is a whole stack, but for the file of RDS' authorities, which it says where to get", async () => {
    const { config } = parse(readFileSync(new URL("../Pulumi.prod.yaml", import.meta.url), "utf8")) as {
      readonly config: Readonly<Record<string, object | string>>;
    };
    const file = stackSchema.parse(
      Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace("slipway:", ""), value])),
    );
    if (file.aws === undefined) throw new Error("it has no slipway:aws");
    file.aws.data.database.caBundle = join(folder, "rds.pem");
    const { resources } = await run(file);
    expect(namesOf({ resources }, TYPES.hpa)).toEqual(["api", "worker-cpu"]);
    expect(namesOf({ resources }, "aws:rds/instance:Instance")).toEqual(["database"]);
  });
});

describe("a stack's file on AWS", () => {
  const refusal = async (file: StackConfig, functions?: Functions) => {
    const { result, resources } = await record(
      () => prod(file).catch((error: unknown) => error),
      { ...FOUNDATION_ANSWERS, ...ANSWERS, ...CLUSTER_ANSWERS },
      {},
      functions ?? ec2(),
    );
    const made = resources.filter(({ type }) => type.startsWith("aws:") || type.startsWith("kubernetes:"));
    expect(made.map(({ name }) => name)).toEqual([]);
    expect(result).toBeInstanceOf(PlanError);
    return String(result);
  };

  it("is refused before anything is made where addresses overlap", async () => {
    const cluster = { ...LEAST.cluster, serviceCidr: "10.20.128.0/20" };
    expect(await refusal(stackOf({ cluster }))).toContain("slipway:aws.cluster.serviceCidr");
  });

  it("is refused where a region has not the GPU that it asks for", async () => {
    const images = Object.fromEntries(
      ["devicePlugin", "dcgmExporter"].map((name) => [name, `r.example/${name}@${DIGEST}`]),
    );
    const file = stackOf({ pools: { gpu: [{ shape: "h100x8", max: 1 }] } }, { kubernetes: { images } });
    expect(await refusal(file, ec2(["p5.48xlarge"]))).toMatch(/slipway:aws\.pools\.gpu.*p5\.48xlarge/s);
  });

  it("is refused where there are too few zones", async () => {
    const network = { ...LEAST.network, zones: LEAST.network.zones.slice(0, 1) };
    expect(await refusal(stackOf({ network }))).toContain("slipway:aws.network.zones");
  });

  it("is refused where a load balancer would cut requests, or a spot node jobs", async () => {
    const said = await refusal(stackOf({}, { drainSeconds: 600 }));
    expect(said).toMatch(/api would need/);
    expect(said).toMatch(/worker-cpu would need .*spot/s);
  });
});
