import type { Output } from "@pulumi/pulumi";
import type { Cluster } from "./cluster.ts";
import type { AwsAccount, AwsPlace } from "./place.ts";
import { podIdentity, type PodIdentity } from "./pod-identity.ts";

export interface AutoscalerRoleArgs {
  readonly cluster: Pick<Cluster, "name" | "arn">;
  readonly account: AwsAccount;
  /** Where the autoscaler stands: its role is for that service account of that namespace alone. */
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly place: AwsPlace;
}

/** Tag that EKS puts on the Auto Scaling groups of its node groups. */
const OWN_GROUPS = "k8s.io/cluster-autoscaler/";

/** What EC2 and Auto Scaling have no narrower resource for than all. */
const LOOK = [
  ...["autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances"],
  ...["autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags"],
  ...["ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions"],
  ...["ec2:GetInstanceTypesFromInstanceRequirements"],
];

/** The cluster autoscaler's role: it sees all groups of the account, and sets the size of this cluster's alone. */
export function autoscalerRole({
  cluster,
  account,
  namespace,
  serviceAccount,
  place,
}: AutoscalerRoleArgs): PodIdentity {
  return podIdentity({
    ...{ name: "autoscaler", description: "Cluster autoscaler of the stack", namespace, serviceAccount },
    ...{ cluster, policy: policy(cluster, account), account, place },
  });
}

function policy({ name }: Pick<Cluster, "name">, { account, region }: AwsAccount): Output<string> {
  return name.apply((cluster) => {
    const groups = `arn:aws:autoscaling:${region}:${account}:autoScalingGroup:*:autoScalingGroupName/*`;
    const owned = {
      [`aws:ResourceTag/${OWN_GROUPS}enabled`]: "true",
      [`aws:ResourceTag/${OWN_GROUPS}${cluster}`]: "owned",
    };
    const own = `arn:aws:eks:${region}:${account}:nodegroup/${cluster}/*`;
    return JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: LOOK, Resource: "*" },
        // What a node of an empty group would bring: labels, taints and tags.
        { Effect: "Allow", Action: ["eks:DescribeNodegroup"], Resource: own },
        {
          Effect: "Allow",
          Action: ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
          Resource: groups,
          Condition: { StringEquals: owned },
        },
      ],
    });
  });
}
