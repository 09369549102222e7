import { PodIdentityAssociation } from "@pulumi/aws/eks/podIdentityAssociation.js";
import type { Input, Output, Resource } from "@pulumi/pulumi";
import type { Cluster } from "./cluster.ts";
import { options, tagged, type AwsAccount, type AwsPlace } from "./place.ts";
import { role } from "./role.ts";

export interface PodIdentityArgs {
  /** Logical name: `autoscaler`. */
  readonly name: string;
  readonly description: string;
  readonly cluster: Pick<Cluster, "name" | "arn">;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Names or paths of AWS's own policies. @default none */
  readonly managed?: readonly string[];
  /** What its pods may do, as an IAM policy. */
  readonly policy?: Input<string>;
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

export interface PodIdentity {
  readonly roleArn: Output<string>;
  /** Pods that start from then on have the role; those that started before do not. */
  readonly ready: Resource;
}

/** A role for the pods of one service account of this cluster. No other pod, and no other cluster, can take it. */
export function podIdentity({
  cluster,
  namespace,
  serviceAccount,
  account,
  place,
  ...args
}: PodIdentityArgs): PodIdentity {
  const { name } = args;
  const taken = role({
    ...args,
    service: "pods.eks.amazonaws.com",
    // The tags are EKS' own word about the pod, and who the role is taken for.
    actions: ["sts:AssumeRole", "sts:TagSession"],
    conditions: {
      StringEquals: {
        "aws:SourceAccount": account.account,
        "aws:RequestTag/eks-cluster-arn": cluster.arn,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": serviceAccount,
      },
    },
    place,
  });
  const ready = new PodIdentityAssociation(
    name,
    {
      ...{ clusterName: cluster.name, namespace, serviceAccount, roleArn: taken.arn },
      disableSessionTags: false,
      tags: tagged(place, name),
    },
    options(place, { dependsOn: [...taken.rights] }),
  );
  return { roleArn: taken.arn, ready };
}
