import { describe, expect, it } from "vitest";
import { awsSettings, LEAST } from "../../test/pulumi/aws.ts";
import { planNodePools } from "../plan/node-pools.ts";
import { awsNetwork, awsPools, awsSize, typesToAsk } from "./plans.ts";

const ZONES = LEAST.network.zones;

const network = (more: object = {}, cluster: object = {}) => {
  const settings = awsSettings({ network: { ...LEAST.network, ...more }, cluster: { ...LEAST.cluster, ...cluster } });
  return awsNetwork("unit", settings, awsSize("unit", settings));
};

const pools = (more: object) => {
  const settings = awsSettings({ pools: more });
  const config = awsPools(settings, awsSize("unit", settings));
  return planNodePools("unit", config, new Map(typesToAsk(config).map((type) => [type, ZONES])));
};

describe("the plan of the network", () => {
  it.each([
    [
      "one that the cluster's Services overlap",
      { cidr: "172.20.0.0/16" },
      {},
      /cidr is 172.20.0.0\/16, and overlaps .*cluster.serviceCidr/,
    ],
    ["Services within it", { cidr: "10.20.0.0/16" }, { serviceCidr: "10.20.128.0/20" }, /overlaps 10.20.128.0\/20/],
    [
      "one that a peer has",
      { reserved: [{ name: "office", cidr: "10.0.0.0/8" }] },
      {},
      /overlaps 10.0.0.0\/8, which is reserved for office/,
    ],
    [
      "a public one",
      { cidr: "8.8.0.0/16" },
      {},
      /slipway:aws.network.cidr is 8.8.0.0\/16, must lie in a block for private use/,
    ],
    [
      "too few zones",
      { zones: ZONES.slice(0, 2) },
      {},
      /slipway:aws.network.zones is .*must be at least 3 zones.*slipway:aws.network.minimumZones/,
    ],
  ])("refuses %s, and names the key to change", (_what, more, cluster, message) => {
    expect(() => network(more, cluster)).toThrow(message);
  });

  it("takes as few zones as the stack's file allows", () => {
    expect(network({ zones: ZONES.slice(0, 2), minimumZones: 2 }).data.map(({ zone }) => zone)).toEqual(
      ZONES.slice(0, 2),
    );
  });
});

describe("the size", () => {
  it("is the table's with the numbers of the stack's file, those of pools among them", () => {
    const settings = awsSettings({
      ...{ size: "medium", overrides: { worker: { maxReplicas: 30 }, natGateways: "one" } },
      pools: { system: { min: 5, max: 6, dedicated: false }, cpuSpot: { max: 2 } },
    });
    const size = awsSize("unit", settings);
    expect(size).toMatchObject({ natGateways: "one", worker: { maxReplicas: 30, replicas: 3 } });
    expect(size.system).toEqual({ instanceTypes: ["m7i.large"], min: 5, max: 6, diskGiB: 50 });
    expect(size.cpuSpot).toMatchObject({ min: 0, max: 2 });
  });
});

describe("the plan of the pools", () => {
  it("has spot instances and a dedicated system pool until the stack's file says otherwise", () => {
    const names = (more: object) => pools(more).map(({ name, taints }) => `${name} ${taints.length}`);
    expect(names({})).toEqual(["system 1", "cpu 0", "cpu-spot 1"]);
    expect(names({ system: { dedicated: false }, cpuSpot: { enabled: false } })).toEqual(["system 0", "cpu 0"]);
  });

  it.each([
    ["system", { system: { min: 1 } }, /slipway:aws.pools.system.min is 1, must be a whole number of 2/],
    ["cpu", { cpu: { instanceTypes: ["m7g.large"] } }, /slipway:aws.pools.cpu.instanceTypes .*arm64/],
    ["gpu", { gpu: [{ shape: "l4", max: 0 }] }, /slipway:aws.pools.gpu.0.max is 0/],
    [
      "MIG",
      { gpu: [{ shape: "t4", max: 1, sharing: { mode: "mig", profile: "1g.5gb" } }] },
      /pools.gpu.0.sharing.mode is mig/,
    ],
  ])("refuses what %s cannot be, and names the key to change", (_what, more, message) => {
    expect(() => pools(more)).toThrow(message);
  });

  it("asks for every shape where there are GPUs, so that it can propose another", () => {
    const asked = (more: object) => {
      const settings = awsSettings({ pools: more });
      return typesToAsk(awsPools(settings, awsSize("unit", settings)));
    };
    expect(asked({ cpuSpot: { enabled: false } })).toEqual(["m7i.large"]);
    expect(asked({ gpu: [{ shape: "l4", max: 1 }] })).toEqual(expect.arrayContaining(["g4dn.xlarge", "p5.48xlarge"]));
  });
});
