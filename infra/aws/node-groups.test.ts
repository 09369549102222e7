import { beforeAll, describe, expect, it } from "vitest";
import {
  arnOf,
  awsSettings,
  CLUSTER,
  inputs,
  names,
  ofType,
  recordFoundation,
  type RecordedPart,
  TYPES,
  waitsFor,
} from "../../test/pulumi/aws.ts";
import { known } from "../../test/pulumi/recorder.ts";
import type { Foundation } from "./foundation.ts";

const GPU = [{ shape: "t4", capacity: "spot", min: 0, max: 2, sharing: { mode: "time-slicing", replicas: 4 } }];

let made: RecordedPart<Foundation>;
beforeAll(async () => {
  made = await recordFoundation({
    settings: awsSettings({ size: "medium", pools: { gpu: GPU } }),
    zonesOf: (type) =>
      type.startsWith("g4dn") ? ["eu-central-1b", "eu-central-1c"] : ["eu-central-1a", "eu-central-1b"],
  });
});

const group = (pool: string) => inputs(made.resources, TYPES.nodeGroup, `nodes-${pool}`);

describe("node groups", () => {
  it("are one for each pool of the plan", () => {
    const pools = ["cpu", "cpu-spot", "gpu-t4-spot", "system"];
    expect(names(made.resources, TYPES.nodeGroup)).toEqual(pools.map((pool) => `nodes-${pool}`));
    expect(names(made.resources, TYPES.launchTemplate)).toEqual(pools.map((pool) => `nodes-${pool}`));
  });

  it("have the size's bounds, and the autoscaler has the number between them", () => {
    expect(group("cpu")).toMatchObject({
      ...{ clusterName: CLUSTER, version: "1.35", instanceTypes: ["m7i.xlarge"], capacityType: "ON_DEMAND" },
      ...{ amiType: "AL2023_x86_64_STANDARD", scalingConfig: { minSize: 2, maxSize: 10, desiredSize: 2 } },
      ...{ updateConfig: { maxUnavailable: 1 }, nodeRepairConfig: { enabled: true } },
      labels: { "slipway/pool": "cpu", "slipway/capacity": "on-demand" },
      taints: [],
    });
    for (const { name } of ofType(made.resources, TYPES.nodeGroup))
      expect(made.ignored.get(`${TYPES.nodeGroup} ${name}`)).toEqual(["scalingConfig.desiredSize"]);
    expect(made.ignored.size).toBe(4);
  });

  it("say of an empty group of GPUs what a node of it would bring", () => {
    expect(group("gpu-t4-spot")).toMatchObject({
      ...{ capacityType: "SPOT", amiType: "AL2023_x86_64_NVIDIA", instanceTypes: ["g4dn.xlarge"] },
      scalingConfig: { minSize: 0, maxSize: 2, desiredSize: 0 },
      labels: {
        "slipway/gpu-shape": "t4",
        "k8s.amazonaws.com/accelerator": "nvidia-tesla-t4",
        "nvidia.com/device-plugin.config": "time-slicing-4",
      },
      taints: [{ key: "nvidia.com/gpu", value: "present", effect: "NO_SCHEDULE" }],
      tags: {
        Name: "unit-nodes-gpu-t4-spot",
        "k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu": "4",
        "k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage": "120Gi",
      },
    });
  });

  it("keep everything but add-ons off the system pool, and off spot what did not ask for it", () => {
    expect(group("system")["taints"]).toEqual([{ key: "CriticalAddonsOnly", value: "true", effect: "NO_SCHEDULE" }]);
    expect(group("cpu-spot")["taints"]).toEqual([{ key: "slipway/capacity", value: "spot", effect: "NO_SCHEDULE" }]);
  });

  it("stand in private subnets of the zones that have their machines", () => {
    expect(group("cpu")["subnetIds"]).toEqual(["private-eu-central-1a-id", "private-eu-central-1b-id"]);
    expect(group("gpu-t4-spot")["subnetIds"]).toEqual(["private-eu-central-1b-id", "private-eu-central-1c-id"]);
  });

  it("start when there is a way out and their role may do what it must", () => {
    expect(waitsFor(made.resources, TYPES.nodeGroup, "nodes-system")).toEqual(
      expect.arrayContaining([
        ...["a", "b", "c"].map((zone) => `${TYPES.route} private-eu-central-1${zone}-nat`),
        ...["nodes-AmazonEKSWorkerNodePolicy", "nodes-AmazonEC2ContainerRegistryPullOnly"].map(
          (name) => `${TYPES.attachedPolicy} ${name}`,
        ),
      ]),
    );
  });

  it("tell their Auto Scaling groups", async () => {
    const found = await Promise.all(
      made.result.nodes.map(async ({ pool, autoscalingGroup }) => [pool.name, await known(autoscalingGroup)]),
    );
    expect(Object.fromEntries(found)).toMatchObject({ cpu: "asg-of-nodes-cpu", system: "asg-of-nodes-system" });
  });
});

describe("nodes", () => {
  it("give their role to nothing that is a hop away", () => {
    for (const { inputs: template } of ofType(made.resources, TYPES.launchTemplate))
      expect(template["metadataOptions"]).toEqual({
        ...{ httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
        instanceMetadataTags: "disabled",
      });
  });

  it("have disks that are encrypted with our key and go with them", () => {
    for (const { name, inputs: template } of ofType(made.resources, TYPES.launchTemplate))
      expect(template["blockDeviceMappings"]).toEqual([
        {
          deviceName: "/dev/xvda",
          ebs: {
            ...{ volumeType: "gp3", volumeSize: name.includes("gpu") ? 120 : 50, deleteOnTermination: "true" },
            ...{ encrypted: "true", kmsKeyId: arnOf("kms", "key-cluster") },
          },
        },
      ]);
  });

  it("are entered by nobody, and say whose they are down to their disks", () => {
    for (const { name, inputs: template } of ofType(made.resources, TYPES.launchTemplate)) {
      for (const key of ["keyName", "userData", "imageId", "networkInterfaces", "vpcSecurityGroupIds"])
        expect(template).not.toHaveProperty(key);
      expect(template["monitoring"]).toEqual({ enabled: true });
      expect(template["tagSpecifications"]).toEqual(
        ["instance", "volume", "network-interface"].map((resourceType) => ({
          resourceType,
          tags: expect.objectContaining({ Name: `unit-${name}`, "slipway:stack": "unit" }) as object,
        })),
      );
    }
    for (const { inputs: sent } of ofType(made.resources, TYPES.nodeGroup))
      expect(sent).not.toHaveProperty("remoteAccess");
  });

  it("take the template that the group names", () => {
    expect(group("cpu")["launchTemplate"]).toEqual({ id: "nodes-cpu-id", version: "3" });
  });
});
