import { describe, expect, it } from "vitest";
import { awsGpuFaults } from "./aws-gpu-faults.ts";
import { awsSettingsSchema } from "./aws-settings.ts";
import { stackSchema } from "./stack.ts";

const ADMINS = ["arn:aws:iam::123456789012:role/deployer"];
const NETWORK = { cidr: "10.20.0.0/16", zones: ["eu-central-1a", "eu-central-1b", "eu-central-1c"] };
const CLUSTER = { admins: ADMINS, publicCidrs: [] };
const LEAST = { region: "eu-central-1", account: "123456789012", network: NETWORK, cluster: CLUSTER };

const FOUR = { mode: "time-slicing", replicas: 4 } as const;
const MIG = { mode: "mig", profile: "1g.10gb" } as const;

function faults(gpu: readonly object[], kubernetes: Parameters<typeof awsGpuFaults>[1] = {}): string[] {
  const { pools } = awsSettingsSchema.parse({ ...LEAST, pools: { gpu } });
  return awsGpuFaults({ pools }, kubernetes).map(([path, message]) => `${path} ${message}`);
}

describe("how GPUs are shared on AWS", () => {
  it("is said by each pool, in as many ways as there are shapes", () => {
    const pools = [
      { shape: "t4", max: 1, sharing: FOUR },
      { shape: "t4", capacity: "spot", max: 1, sharing: FOUR },
      { shape: "h100", max: 1 },
    ];
    expect(faults(pools)).toEqual([]);
    expect(faults([])).toEqual([]);
  });

  it("is the same for all pools of a shape: GPU workers run on any of them", () => {
    const spot = (sharing: object) => [
      { shape: "t4", max: 1, sharing: FOUR },
      { shape: "t4", capacity: "spot", max: 1, sharing },
    ];
    const said = [
      "aws.pools.gpu.1.sharing must be that of aws.pools.gpu.0, which has the same shape: GPU workers on t4 run on either",
    ];
    expect(faults(spot({ mode: "none" }))).toEqual(said);
    expect(faults(spot({ ...FOUR, replicas: 3 }))).toEqual(said);
  });

  it("is divided by MIG only where somebody divides: NVIDIA's operator, in place of the stack's daemons", () => {
    const pools = [{ shape: "h100", max: 1, sharing: MIG }];
    expect(faults(pools)).toEqual([
      expect.stringMatching(/^aws\.pools\.gpu\.0\.sharing\.mode must be none .*MIG manager/),
    ]);
    expect(faults(pools, { daemons: true })).toHaveLength(1);
    expect(faults(pools, { daemons: false })).toEqual([]);
  });

  it("is not said a second time for the cluster, not even alike", () => {
    const pools = [{ shape: "t4", max: 1, sharing: FOUR }];
    expect(faults(pools, { sharing: FOUR })).toEqual([
      "kubernetes.gpu.sharing must be left out where platform is aws: aws.pools.gpu says it of each pool",
    ]);
  });

  it("is a fault of the stack's file", () => {
    const { error } = stackSchema.safeParse({
      ...{ platform: "aws", environment: "dev" },
      aws: { ...LEAST, pools: { gpu: [{ shape: "h100", max: 1, sharing: MIG }] } },
      kubernetes: { gpu: { sharing: { mode: "mig" } } },
    });
    const paths = error?.issues.map(({ path }) => path.join(".")) ?? [];
    expect(paths).toContain("aws.pools.gpu.0.sharing.mode");
    expect(paths).toContain("kubernetes.gpu.sharing");
  });
});
