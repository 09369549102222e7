import { beforeAll, describe, expect, it } from "vitest";
import {
  ADMIN,
  arnOf,
  awsSettings,
  CLUSTER,
  inputs,
  LEAST,
  names,
  ofType,
  recordFoundation,
  type RecordedPart,
  TYPES,
  waitsFor,
} from "../../test/pulumi/aws.ts";
import { known } from "../../test/pulumi/recorder.ts";
import type { Foundation } from "./foundation.ts";

let made: RecordedPart<Foundation>;
beforeAll(async () => {
  made = await recordFoundation();
});

const cluster = () => inputs(made.resources, TYPES.cluster, "cluster");

describe("the control plane", () => {
  it("answers in the network alone", () => {
    expect(cluster()["vpcConfig"]).toEqual({
      subnetIds: ["a", "b"].map((zone) => `private-eu-central-1${zone}-id`),
      ...{ endpointPrivateAccess: true, endpointPublicAccess: false },
    });
  });

  it("stays where it is when a zone comes to the network", async () => {
    const zones = ["a", "b", "c", "d"].map((zone) => `eu-central-1${zone}`);
    const { resources } = await recordFoundation({ settings: awsSettings({ network: { ...LEAST.network, zones } }) });
    expect(inputs(resources, TYPES.cluster, "cluster")["vpcConfig"]).toEqual(cluster()["vpcConfig"]);
  });

  it("answers on the internet to networks that the stack's file names", async () => {
    const publicCidrs = ["93.184.216.34/32"];
    const settings = awsSettings({ cluster: { ...LEAST.cluster, publicCidrs } });
    const { resources } = await recordFoundation({ settings });
    expect(inputs(resources, TYPES.cluster, "cluster")["vpcConfig"]).toMatchObject({
      ...{ endpointPrivateAccess: true, endpointPublicAccess: true, publicAccessCidrs: publicCidrs },
    });
  });

  it("encrypts Kubernetes' secrets with our key", () => {
    expect(cluster()["encryptionConfig"]).toEqual({
      ...{ provider: { keyArn: arnOf("kms", "key-cluster") }, resources: ["secrets"] },
    });
  });

  it("logs all that it can, in a group that is encrypted and there before it", () => {
    expect(cluster()["enabledClusterLogTypes"]).toEqual([
      ...["api", "audit", "authenticator", "controllerManager", "scheduler"],
    ]);
    expect(inputs(made.resources, TYPES.logGroup, "cluster")).toMatchObject({
      ...{ name: `/aws/eks/${CLUSTER}/cluster`, kmsKeyId: arnOf("kms", "key-logs"), retentionInDays: 365 },
    });
    expect(waitsFor(made.resources, TYPES.cluster, "cluster")).toContain(`${TYPES.logGroup} cluster`);
  });

  it("has its rights before it is there", () => {
    expect(waitsFor(made.resources, TYPES.cluster, "cluster")).toEqual(
      expect.arrayContaining([`${TYPES.attachedPolicy} cluster-AmazonEKSClusterPolicy`, `${TYPES.rolePolicy} cluster`]),
    );
  });

  it("has a pinned version, and no add-ons but the stack's", () => {
    expect(cluster()).toMatchObject({
      ...{ name: CLUSTER, version: "1.35", upgradePolicy: { supportType: "STANDARD" }, forceUpdateVersion: false },
      ...{ bootstrapSelfManagedAddons: false, roleArn: arnOf("iam", "cluster") },
      kubernetesNetworkConfig: { ipFamily: "ipv4", serviceIpv4Cidr: "172.20.0.0/16" },
    });
  });

  it("is taken by EKS for this cluster alone", () => {
    const trust = JSON.parse(String(inputs(made.resources, TYPES.role, "cluster")["assumeRolePolicy"])) as object;
    expect(trust).toMatchObject({
      Statement: [
        {
          Principal: { Service: "eks.amazonaws.com" },
          Condition: {
            StringEquals: { "aws:SourceAccount": "123456789012" },
            ArnEquals: { "aws:SourceArn": arnOf("eks", `cluster/${CLUSTER}`) },
          },
        },
      ],
    });
  });
});

describe("who may do what in the cluster", () => {
  it("is said by access entries alone, and whoever made it is nobody", () => {
    expect(cluster()["accessConfig"]).toEqual({
      ...{ authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
    });
  });

  it("is everything for the roles of the stack's file", async () => {
    const other = "arn:aws:iam::210987654321:role/deployer";
    const settings = awsSettings({ cluster: { ...LEAST.cluster, admins: [ADMIN, other] } });
    const { resources } = await recordFoundation({ settings });
    const logical = ["admin-123456789012-ci-deployer", "admin-210987654321-deployer"];
    expect(names(resources, TYPES.accessEntry)).toEqual(logical);
    for (const [index, name] of logical.entries()) {
      const principalArn = [ADMIN, other][index];
      expect(inputs(resources, TYPES.accessEntry, name)).toMatchObject({ principalArn, type: "STANDARD" });
      expect(inputs(resources, TYPES.accessPolicy, name)).toEqual({
        ...{ clusterName: CLUSTER, principalArn, accessScope: { type: "cluster" } },
        policyArn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
      });
    }
  });

  it("comes with a kubeconfig that asks for a token and holds none", async () => {
    const config = JSON.parse(await known(made.result.cluster.kubeconfig)) as Record<string, unknown>;
    const args = ["--region", "eu-central-1", "eks", "get-token", "--cluster-name", CLUSTER, "--output", "json"];
    expect(config).toMatchObject({
      clusters: [{ cluster: { server: "https://cluster.eks.example", "certificate-authority-data": "Y2E=" } }],
      users: [{ user: { exec: { command: "aws", args, interactiveMode: "Never" } } }],
      "current-context": CLUSTER,
    });
  });
});

describe("add-ons", () => {
  const VERSIONS = {
    "vpc-cni": "v1.21.1-eksbuild.8",
    "kube-proxy": "v1.35.3-eksbuild.5",
    "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
    coredns: "v1.14.2-eksbuild.4",
    "aws-ebs-csi-driver": "v1.59.0-eksbuild.1",
    "metrics-server": "v0.8.1-eksbuild.6",
  };

  const values = (name: string) => {
    const text = inputs(made.resources, TYPES.addon, `addon-${name}`)["configurationValues"];
    return typeof text === "string" ? (JSON.parse(text) as object) : undefined;
  };

  it("have pinned versions, and the stack's file is right about them", () => {
    expect(ofType(made.resources, TYPES.addon)).toHaveLength(Object.keys(VERSIONS).length);
    for (const [name, addonVersion] of Object.entries(VERSIONS))
      expect(inputs(made.resources, TYPES.addon, `addon-${name}`)).toMatchObject({
        ...{ clusterName: CLUSTER, addonName: name, addonVersion },
        ...{ resolveConflictsOnCreate: "OVERWRITE", resolveConflictsOnUpdate: "OVERWRITE" },
      });
  });

  it("take other versions from the stack's file", async () => {
    const addons = { coredns: "v1.14.9-eksbuild.1" };
    const { resources } = await recordFoundation({ settings: awsSettings({ cluster: { ...LEAST.cluster, addons } }) });
    expect(inputs(resources, TYPES.addon, "addon-coredns")["addonVersion"]).toBe("v1.14.9-eksbuild.1");
    expect(inputs(resources, TYPES.addon, "addon-vpc-cni")["addonVersion"]).toBe(VERSIONS["vpc-cni"]);
  });

  it("enforce network policies", () => {
    expect(values("vpc-cni")).toEqual({ enableNetworkPolicy: "true" });
  });

  it("run on the system pool, and disks are had everywhere", () => {
    const tolerations = [{ key: "CriticalAddonsOnly", operator: "Exists" }];
    expect(values("coredns")).toEqual({ tolerations });
    expect(values("metrics-server")).toEqual({ tolerations });
    expect(values("aws-ebs-csi-driver")).toEqual({ controller: { tolerations }, node: { tolerateAllTaints: true } });
  });

  it("that a node needs are there before it, the others after", () => {
    const nodes = waitsFor(made.resources, TYPES.nodeGroup, "nodes-cpu");
    for (const name of ["vpc-cni", "kube-proxy", "eks-pod-identity-agent"]) {
      expect(nodes).toContain(`${TYPES.addon} addon-${name}`);
      expect(waitsFor(made.resources, TYPES.addon, `addon-${name}`)).not.toContain(`${TYPES.nodeGroup} nodes-system`);
    }
    for (const name of ["coredns", "aws-ebs-csi-driver", "metrics-server"])
      expect(waitsFor(made.resources, TYPES.addon, `addon-${name}`)).toContain(`${TYPES.nodeGroup} nodes-system`);
  });

  it("have their roles before their pods start", () => {
    expect(waitsFor(made.resources, TYPES.addon, "addon-vpc-cni")).toContain(`${TYPES.podIdentity} vpc-cni`);
    expect(waitsFor(made.resources, TYPES.addon, "addon-aws-ebs-csi-driver")).toContain(`${TYPES.podIdentity} ebs-csi`);
  });
});
