import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { stackSchema, type StackConfig } from "../configs/stack.ts";
import { PlanError } from "../infra/plan/plan-error.ts";
import { LEAST } from "../test/pulumi/aws.ts";
import { manifestOfAll } from "../test/pulumi/docker-stack.ts";
import { at, inputsOf, listAt, namesOf, podsOf, TYPES } from "../test/pulumi/kubernetes.ts";
import { shippedProd } from "../test/pulumi/prod-file.ts";
import {
  answersOfAws,
  DIGEST,
  ownFiles,
  PROD_ANSWERS,
  prodStack,
  recordProd,
  type OwnFiles,
  type RecordedProd,
} from "../test/pulumi/prod-stack.ts";
import { known, record } from "../test/pulumi/recorder.ts";
import { prod } from "./prod.ts";

vi.mock("../infra/images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

const BUILT = "docker:index/remoteImage:RemoteImage";

let files: OwnFiles;
beforeAll(() => {
  files = ownFiles();
});
afterAll(() => {
  files.remove();
});

const stackOf = (own: object = {}, more: object = {}) => prodStack(files, own, more);

describe("prod", () => {
  let stack: RecordedProd;
  beforeAll(async () => {
    stack = await recordProd(stackOf());
  });

  it("says where the API answers, and what runs", async () => {
    expect(await known(stack.result.url)).toBe("https://api.example.org");
    expect(await known(stack.result.namespace)).toBe("slipway-unit");
    expect(Object.keys(await known(stack.result.serving))).toEqual(["api", "worker-cpu", "marker"]);
    const { api, marker } = await known(stack.result.asked);
    expect(api).toEqual({
      image: expect.stringContaining(`@${DIGEST}`) as string,
      release: expect.stringMatching(/^api-[0-9a-f]+$/) as string,
    });
    expect(marker?.replicas).toBe(1);
  });

  it("refuses credentials of another account", () => {
    const providers = stack.resources.filter(({ type }) => type === "pulumi:providers:aws");
    expect(providers.map(({ inputs }) => inputs["region"]).sort()).toEqual(["eu-central-1", "eu-west-1"]);
    for (const { inputs } of providers)
      expect(JSON.parse(String(inputs["allowedAccountIds"]))).toEqual([LEAST.account]);
  });

  it("makes every resource of AWS by those providers, and everything in the cluster by one that it made a kubeconfig for", async () => {
    const of = (prefix: string) => stack.resources.filter(({ type }) => type.startsWith(prefix));
    const by = (name: string) =>
      of("aws:").filter(({ provider }) => provider.includes(`pulumi:providers:aws::${name}::`));
    const elsewhere = by("aws-eu-west-1");
    expect(by("aws").length + elsewhere.length).toBe(of("aws:").length);
    expect(elsewhere.filter(({ name }) => !/replica|copy|copies/.test(name)).map(({ name }) => name)).toEqual([]);
    expect(of("kubernetes:").filter(({ provider }) => !provider.includes("::cluster::"))).toEqual([]);
    const [cluster] = stack.resources.filter(({ type }) => type === TYPES.provider);
    expect(String(cluster?.inputs["kubeconfig"])).toContain("https://cluster.eks.example");
    // Commands come by the same way.
    expect(await known(stack.result.kubeconfig)).toBe(cluster?.inputs["kubeconfig"]);
  });

  it("builds the programs, pushes them to its own registry, and runs them by the digest that came back", () => {
    const built = inputsOf(stack, BUILT, "image-api");
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

  it("has an autoscaler before anything waits for a node, with the image that the file names", () => {
    const waits = (name: string) =>
      stack.resources.find((one) => one.type === TYPES.deployment && one.name === name)?.dependencies.join() ?? "";
    for (const name of ["api", "worker-cpu"]) expect(waits(name), name).toContain("Deployment::autoscaler");
    expect(waits("autoscaler")).toContain("NodeGroup::nodes-system");
    const scaler = podsOf(stack).get("Deployment autoscaler");
    expect(at(scaler, "containers", 0, "image")).toMatch(/cluster-autoscaler@sha256:/);
    const egress = at(inputsOf(stack, TYPES.policy, "autoscaler-to-aws"), "spec", "egress");
    expect(JSON.stringify(egress)).toContain('"0.0.0.0/0"');
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

describe("pools with GPUs that are shared", () => {
  const FOUR = { mode: "time-slicing", replicas: 4 };
  const pools = {
    gpu: [
      { shape: "t4", max: 1, sharing: FOUR },
      { shape: "l4", max: 1 },
    ],
  };

  it.each([
    ["t4", { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } }],
    ["l4", { type: "Recreate" }],
  ])("say alone how GPU workers on %s are rolled out, and how long a node may take", async (shape, strategy) => {
    const made = await recordProd(stackOf({ pools }, { kubernetes: { gpu: { shape } } }));
    expect(inputsOf(made, TYPES.deployment, "worker-gpu")["spec"]).toMatchObject({
      strategy,
      progressDeadlineSeconds: 90 + 900,
    });
    expect(at(inputsOf(made, TYPES.deployment, "api"), "spec", "progressDeadlineSeconds")).toBe(90);
    // The plugins are those of all pools, whichever the workers are on.
    expect(namesOf(made, TYPES.daemonSet)).toEqual(["dcgm-exporter", "device-plugin", "device-plugin-time-slicing-4"]);
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
  it("is a whole stack, but for the file of RDS' authorities, the images, and where the cluster is reached from", async () => {
    const { resources } = await recordProd(stackOf());
    expect(namesOf({ resources }, TYPES.hpa)).toContain("api");
    expect(namesOf({ resources }, "aws:rds/instance:Instance")).toEqual(["database"]);
    expect(namesOf({ resources }, "aws:s3/bucket:Bucket")).toEqual(["objects", "objects-replica"]);
  });

  it("is refused as it is shipped: its examples are nobody's address and nobody's images", () => {
    const { error } = stackSchema.safeParse(shippedProd());
    const said = error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).sort();
    const image = "stands for an image of your own: put in where that is, and its digest";
    expect(said).toEqual([
      expect.stringMatching(/^aws\.cluster\.publicCidrs\.0: stands for your own address/),
      ...["autoscaler", "kedaMetricsServer", "kedaOperator"].map((name) => `kubernetes.images.${name}: ${image}`),
    ]);
  });
});

describe("a stack's file on AWS", () => {
  const refusal = async (file: StackConfig, without: readonly string[] = []) => {
    const { result, resources } = await record(
      () => prod(file).catch((error: unknown) => error),
      PROD_ANSWERS,
      {},
      answersOfAws(LEAST.network.zones, without),
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
    const file = stackOf({ pools: { gpu: [{ shape: "h100x8", max: 1 }] } });
    expect(await refusal(file, ["p5.48xlarge"])).toMatch(/slipway:aws\.pools\.gpu.*p5\.48xlarge/s);
  });

  it("is refused where pools may grow and nobody is named who makes them", async () => {
    const file = stackOf({}, { kubernetes: { images: { autoscaler: undefined } } });
    expect(await refusal(file)).toMatch(/slipway:kubernetes\.images\.autoscaler is missing.*cpu 1\.\.4/s);
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
