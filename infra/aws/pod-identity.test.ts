import { output } from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import {
  ACCOUNT,
  arnOf,
  CLUSTER,
  inputs,
  names,
  recordFoundation,
  recordPart,
  TYPES,
  waitsFor,
} from "../../test/pulumi/aws.ts";
import type { RecordedResource } from "../../test/pulumi/recorder.ts";
import { autoscalerRole } from "./autoscaler-role.ts";
import { podIdentity } from "./pod-identity.ts";

const cluster = () => ({ name: output(CLUSTER), arn: output(arnOf("eks", `cluster/${CLUSTER}`)) });

describe("the role of pods", () => {
  let resources: readonly RecordedResource[];
  beforeAll(async () => {
    ({ resources } = await recordPart((place) =>
      podIdentity({
        ...{ name: "worker", description: "Workers", namespace: "slipway", serviceAccount: "worker-cpu" },
        ...{ policy: "{}", cluster: cluster(), account: ACCOUNT, place },
      }),
    ));
  });

  it("can be taken for that service account of that cluster alone", () => {
    expect(JSON.parse(String(inputs(resources, TYPES.role, "worker")["assumeRolePolicy"]))).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "pods.eks.amazonaws.com" },
          Action: ["sts:AssumeRole", "sts:TagSession"],
          Condition: {
            StringEquals: {
              "aws:SourceAccount": "123456789012",
              "aws:RequestTag/eks-cluster-arn": arnOf("eks", `cluster/${CLUSTER}`),
              "aws:RequestTag/kubernetes-namespace": "slipway",
              "aws:RequestTag/kubernetes-service-account": "worker-cpu",
            },
          },
        },
      ],
    });
  });

  it("is given to it once it may do something, with the tags that the role asks for", () => {
    expect(inputs(resources, TYPES.podIdentity, "worker")).toMatchObject({
      ...{ clusterName: CLUSTER, namespace: "slipway", serviceAccount: "worker-cpu", disableSessionTags: false },
      roleArn: arnOf("iam", "worker"),
    });
    expect(waitsFor(resources, TYPES.podIdentity, "worker")).toContain(`${TYPES.rolePolicy} worker`);
  });
});

function statementsOf(resources: readonly RecordedResource[], name: string): readonly object[] {
  const policy = JSON.parse(String(inputs(resources, TYPES.rolePolicy, name)["policy"])) as { Statement: object[] };
  return policy.Statement;
}

describe("the autoscaler's role", () => {
  it("lets it change the groups of this cluster alone", async () => {
    const home = { namespace: "slipway-autoscaler", serviceAccount: "cluster-autoscaler" };
    const { resources } = await recordPart((place) =>
      autoscalerRole({ cluster: cluster(), account: ACCOUNT, ...home, place }),
    );
    expect(inputs(resources, TYPES.podIdentity, "autoscaler")).toMatchObject(home);
    const [look, describe_, change] = statementsOf(resources, "autoscaler");
    expect(look).toMatchObject({
      Resource: "*",
      Action: expect.not.arrayContaining([expect.stringMatching(/Set|Term/)]) as object,
    });
    expect(describe_).toMatchObject({
      Action: ["eks:DescribeNodegroup"],
      Resource: arnOf("eks", `nodegroup/${CLUSTER}/*`),
    });
    expect(change).toEqual({
      Effect: "Allow",
      Action: ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
      Resource: arnOf("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"),
      Condition: {
        StringEquals: {
          "aws:ResourceTag/k8s.io/cluster-autoscaler/enabled": "true",
          [`aws:ResourceTag/k8s.io/cluster-autoscaler/${CLUSTER}`]: "owned",
        },
      },
    });
    expect(statementsOf(resources, "autoscaler")).toHaveLength(3);
  });
});

describe("roles of the cluster's own pods", () => {
  let resources: readonly RecordedResource[];
  beforeAll(async () => {
    ({ resources } = await recordFoundation());
  });

  const statements = (name: string) => statementsOf(resources, name);

  it("are these", () => {
    expect(names(resources, TYPES.podIdentity)).toEqual(["ebs-csi", "vpc-cni"]);
    for (const [name, serviceAccount] of Object.entries({ "ebs-csi": "ebs-csi-controller-sa", "vpc-cni": "aws-node" }))
      expect(inputs(resources, TYPES.podIdentity, name)).toMatchObject({ namespace: "kube-system", serviceAccount });
  });

  it("let the driver of disks use the disks' key, and hand it on to EC2 alone", () => {
    const resource = arnOf("kms", "key-cluster");
    const [use, grant] = statements("ebs-csi");
    expect(use).toMatchObject({ Resource: resource });
    expect(grant).toEqual({
      ...{ Effect: "Allow", Action: ["kms:CreateGrant"], Resource: resource },
      Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
    });
  });
});
