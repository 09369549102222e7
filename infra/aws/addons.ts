import { Addon } from "@pulumi/aws/eks/addon.js";
import { jsonStringify, type Input, type Output, type Resource } from "@pulumi/pulumi";
import { addonVersions, type AddonName, type ClusterSettings } from "../../configs/aws-cluster-settings.ts";
import type { Cluster } from "./cluster.ts";
import { ON_SYSTEM_NODES } from "./node-choice.ts";
import { options, tagged, type AwsAccount, type AwsPlace } from "./place.ts";
import { podIdentity } from "./pod-identity.ts";

export interface AddonsArgs {
  readonly settings: Pick<ClusterSettings, "version" | "addons">;
  readonly cluster: Pick<Cluster, "name" | "arn">;
  readonly place: AwsPlace;
}

export interface NetworkAddonsArgs extends AddonsArgs {
  readonly account: AwsAccount;
}

export interface ServiceAddonsArgs extends NetworkAddonsArgs {
  /** ARN of the KMS key of nodes' disks: volumes of pods are encrypted with it as well. */
  readonly diskKeyArn: Input<string>;
  /** Node groups: pods of these add-ons need a node, or EKS waits for them until it gives up. */
  readonly nodes: readonly Resource[];
}

const NAMESPACE = "kube-system";

const TIMEOUTS = { create: "20m", update: "20m", delete: "20m" } as const;

/** What a node needs before it is one: the network's plugin, the proxy of Services and the agent that hands roles to pods. */
export function networkAddons({ account, ...args }: NetworkAddonsArgs): readonly Resource[] {
  const { cluster, place } = args;
  const cni = podIdentity({
    ...{ name: "vpc-cni", description: "Network plugin of the stack's cluster" },
    ...{ namespace: NAMESPACE, serviceAccount: "aws-node", managed: ["AmazonEKS_CNI_Policy"] },
    ...{ cluster, account, place },
  });
  const agent = addon("eks-pod-identity-agent", args);
  return [
    agent,
    addon("kube-proxy", args),
    // Without this the cluster's network policies are only written down.
    addon("vpc-cni", args, { values: { enableNetworkPolicy: "true" }, dependsOn: [cni.ready, agent] }),
  ];
}

/** Names, disks and measures: add-ons whose pods stand on the system pool. */
export function serviceAddons({ account, diskKeyArn, nodes, ...args }: ServiceAddonsArgs): readonly Resource[] {
  const { cluster, place } = args;
  const disks = podIdentity({
    ...{ name: "ebs-csi", description: "Driver of disks of the stack's cluster" },
    ...{ namespace: NAMESPACE, serviceAccount: "ebs-csi-controller-sa" },
    ...{ managed: ["service-role/AmazonEBSCSIDriverPolicy"], policy: diskPolicy(diskKeyArn) },
    ...{ cluster, account, place },
  });
  const waits = (...more: Resource[]) => ({ dependsOn: [...nodes, ...more] });
  return [
    addon("coredns", args, { values: { tolerations: ON_SYSTEM_NODES.tolerations }, ...waits() }),
    addon("aws-ebs-csi-driver", args, {
      // Pods with disks run on tainted nodes too.
      values: { controller: { tolerations: ON_SYSTEM_NODES.tolerations }, node: { tolerateAllTaints: true } },
      ...waits(disks.ready),
    }),
    addon("metrics-server", args, { values: { tolerations: ON_SYSTEM_NODES.tolerations }, ...waits() }),
  ];
}

interface More {
  /** What is set beside the add-on's defaults. */
  readonly values?: object;
  readonly dependsOn?: Resource[];
}

function addon(
  name: AddonName,
  { settings, cluster, place }: AddonsArgs,
  { values, dependsOn = [] }: More = {},
): Addon {
  const addonVersion = addonVersions(settings).versions[name];
  if (addonVersion === undefined)
    throw new Error(`slipway:aws.cluster.addons.${name} is missing; configs/aws-settings.ts refuses it before.`);
  return new Addon(
    `addon-${name}`,
    {
      ...{ clusterName: cluster.name, addonName: name, addonVersion },
      // The stack's file is the truth: what was changed by hand goes.
      ...{ resolveConflictsOnCreate: "OVERWRITE", resolveConflictsOnUpdate: "OVERWRITE" },
      ...(values === undefined ? {} : { configurationValues: JSON.stringify(values) }),
      tags: tagged(place, `addon-${name}`),
    },
    options(place, { customTimeouts: TIMEOUTS, dependsOn }),
  );
}

function diskPolicy(keyArn: Input<string>): Output<string> {
  return jsonStringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: [
          ...["kms:DescribeKey", "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
          ...["kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"],
        ],
        Resource: keyArn,
      },
      {
        Effect: "Allow",
        Action: ["kms:CreateGrant"],
        Resource: keyArn,
        Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
      },
    ],
  });
}
