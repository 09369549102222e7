import { describe, expect, it } from "vitest";
import { awsFaults, awsSettingsSchema, ENDPOINT_SERVICES } from "./aws-settings.ts";

const ADMINS = ["arn:aws:iam::123456789012:role/deployer"];
const NETWORK = { cidr: "10.20.0.0/16", zones: ["eu-central-1a", "eu-central-1b", "eu-central-1c"] };
const CLUSTER = { admins: ADMINS, publicCidrs: [] };
const LEAST = { region: "eu-central-1", account: "123456789012", network: NETWORK, cluster: CLUSTER };

/** What is wrong with settings: each fault with its path. */
function faults(settings: object): string[] {
  const { error } = awsSettingsSchema.safeParse(settings);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

describe("the settings of AWS", () => {
  it("need region, account, network and who administers", () => {
    expect(faults({}).map((fault) => fault.split(":")[0])).toEqual(["region", "account", "network", "cluster"]);
  });

  it("have safe defaults for the rest", () => {
    const settings = awsSettingsSchema.parse(LEAST);
    expect(settings).toMatchObject({
      network: { minimumZones: 3, reserved: [], flowLogDays: 90, endpoints: Object.keys(ENDPOINT_SERVICES) },
      ...{ size: "small", overrides: {}, tags: {} },
      cluster: { version: "1.35", serviceCidr: "172.20.0.0/16", publicCidrs: [], logDays: 365, addons: {} },
      pools: { system: { dedicated: true }, cpu: {}, cpuSpot: { enabled: true }, gpu: [] },
    });
    expect(settings.data.database.backupRetentionDays).toBe(35);
  });

  it("give a pool of GPUs nodes on demand, from none, each GPU to one pod", () => {
    const { pools } = awsSettingsSchema.parse({ ...LEAST, pools: { gpu: [{ shape: "l4", max: 2 }] } });
    expect(pools.gpu).toEqual([
      { shape: "l4", capacity: "on-demand", min: 0, max: 2, diskGiB: 120, sharing: { mode: "none" } },
    ]);
  });

  it.each([
    ["region", { region: "Frankfurt" }, /^region: must be a region, such as eu-central-1$/],
    ["a region of China", { region: "cn-north-1" }, /^region: must be a region of AWS's public part/],
    ["account", { account: 123456789012 }, /^account: .*expected string/],
    ["account", { account: "12345" }, /^account: must be the 12 digits of an account, in quotes/],
    [
      "zones",
      { network: { ...NETWORK, zones: ["us-east-1a"] } },
      /^network.zones: must be zones of eu-central-1.*not us-east-1a/,
    ],
    [
      "a zone's id",
      { network: { ...NETWORK, zones: ["eu-central-1"] } },
      /^network.zones: must be zones of eu-central-1/,
    ],
    ["minimumZones", { network: { ...NETWORK, minimumZones: 1 } }, /^network.minimumZones: /],
    [
      "endpoints",
      { network: { ...NETWORK, endpoints: ["sqs"] } },
      /^network.endpoints.0: must be one of ecr.api, ecr.dkr/,
    ],
    [
      "endpoints",
      { network: { ...NETWORK, endpoints: ["sts", "sts"] } },
      /^network.endpoints: must name each service once/,
    ],
    ["flowLogDays", { network: { ...NETWORK, flowLogDays: 45 } }, /^network.flowLogDays: must be one of 30, 60, 90/],
    ["size", { size: "huge" }, /^size: must be one of small, medium, large$/],
    ["overrides", { overrides: { database: { class: "db.m7g.large" } } }, /^overrides.database: .*class/],
    ["overrides", { overrides: { database: { instanceClass: "m7g.large" } } }, /instanceClass: must be a class of RDS/],
    ["natGateways", { overrides: { natGateways: "none" } }, /^overrides.natGateways: /],
    ["version", { cluster: { ...CLUSTER, version: 1.35 } }, /^cluster.version: /],
    ["version", { cluster: { ...CLUSTER, version: "latest" } }, /^cluster.version: must be a minor version in quotes/],
    [
      "a version without add-ons",
      { cluster: { ...CLUSTER, version: "1.99", addons: { coredns: "v1.20.0-eksbuild.1" } } },
      /^cluster.addons: must have versions of vpc-cni, kube-proxy, .*1\.99; without them cluster.version may be 1.35$/,
    ],
    [
      "addons",
      { cluster: { ...CLUSTER, addons: { coredns: "latest" } } },
      /^cluster.addons.coredns: must be a version/,
    ],
    [
      "publicCidrs",
      { cluster: { ...CLUSTER, publicCidrs: ["0.0.0.0/0"] } },
      /^cluster.publicCidrs.0: must be \/16 or narrower/,
    ],
    ["no publicCidrs", { cluster: { admins: ADMINS } }, /^cluster.publicCidrs: must name the networks .* or be \[\]/],
    ["admins", { cluster: { ...CLUSTER, admins: [] } }, /^cluster.admins: /],
    [
      "admins",
      { cluster: { ...CLUSTER, admins: ["arn:aws:iam::123456789012:user/me"] } },
      /^cluster.admins.0: must be the ARN of a role/,
    ],
    [
      "admins",
      { cluster: { ...CLUSTER, admins: [...ADMINS, ...ADMINS] } },
      /^cluster.admins: must name each role once/,
    ],
    ["shape", { pools: { gpu: [{ shape: "h200", max: 1 }] } }, /^pools.gpu.0.shape: must be one of t4, a10g, l4/],
    ["types", { pools: { cpu: { instanceTypes: ["large"] } } }, /^pools.cpu.instanceTypes.0: must be a type such as/],
    ["tags", { tags: { "slipway:stack": "x" } }, /^tags\.slipway:stack: /],
    ["tags", { tags: { Name: "x" } }, /^tags\.Name: /],
    ["data", { data: { database: { backupRetentionDays: 1 } } }, /^data.database.backupRetentionDays: /],
    ["a key that there is not", { natGateways: "one" }, /natGateways/],
  ])("say what is wrong with %s", (_what, more, message) => {
    const found = faults({ ...LEAST, ...more });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  it("take another version with all of its add-ons", () => {
    const addons = Object.fromEntries(
      ["vpc-cni", "kube-proxy", "eks-pod-identity-agent", "coredns", "aws-ebs-csi-driver", "metrics-server"].map(
        (name) => [name, "v1.2.3-eksbuild.4"],
      ),
    );
    expect(faults({ ...LEAST, cluster: { ...CLUSTER, version: "1.36", addons } })).toEqual([]);
  });

  it("say with the rest of the file what data, edge and budget lack", () => {
    const settings = awsSettingsSchema.parse(LEAST);
    const paths = (environment: "prod" | "test") => awsFaults(settings, environment).map(([path]) => path);
    expect(paths("prod")).toEqual([
      ...["data.database.caBundle", "data.edge", "data.budget", "data.backup.copyRegion"],
    ]);
    expect(paths("test")).toEqual(["data.database.caBundle", "data.edge"]);
  });
});
