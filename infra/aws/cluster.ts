import { LogGroup } from "@pulumi/aws/cloudwatch/logGroup.js";
import { AccessEntry } from "@pulumi/aws/eks/accessEntry.js";
import { AccessPolicyAssociation } from "@pulumi/aws/eks/accessPolicyAssociation.js";
import { Cluster as EksCluster } from "@pulumi/aws/eks/cluster.js";
import { all, interpolate, jsonStringify, type Input, type Output, type Resource } from "@pulumi/pulumi";
import type { ClusterSettings } from "../../configs/aws-cluster-settings.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { ownName } from "./own-name.ts";
import { options, tagged, type AwsAccount, type AwsPlace } from "./place.ts";
import { role, type MadeRole } from "./role.ts";
import { stateful } from "./stateful.ts";

export interface ClusterArgs {
  readonly settings: ClusterSettings;
  /** Private subnets, one a zone, in the order of the stack's file. */
  readonly subnetIds: readonly Input<string>[];
  /** ARNs of KMS keys by what they encrypt. */
  readonly keys: { readonly cluster: Input<string>; readonly logs: Input<string> };
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

export interface Cluster {
  readonly name: Output<string>;
  readonly arn: Output<string>;
  /**
   * Kubeconfig without any secret: whoever uses it brings credentials of AWS, of one of the admins. Known once they have their rights.
   */
  readonly kubeconfig: Output<string>;
  /** Security group of the control plane and of all nodes, made by EKS; they reach each other and the internet. */
  readonly nodesGroupId: Output<string>;
  /** Minor version of Kubernetes. */
  readonly version: string;
  readonly is: Resource;
}

const LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

const ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";

/**
 * Zones, the first ones, in which the control plane has addresses: the fewest that EKS takes. It never takes others for a cluster that is there, so
 * with all of them a stack could not go into another zone. Nodes of every zone reach them.
 */
const CONTROL_PLANE_ZONES = 2;

const TIMEOUTS = { create: "40m", update: "80m", delete: "40m" } as const;

/**
 * The control plane. It answers in the network, and on the internet only to networks that the stack's file names; who may do what is in access
 * entries of this stack alone.
 */
export function cluster(args: ClusterArgs): Cluster {
  const { settings, account, place } = args;
  const name = ownName("cluster", place);
  const taken = clusterRole(name, args);
  const made = new EksCluster(
    "cluster",
    {
      name,
      roleArn: taken.arn,
      ...version(settings),
      ...reach(args),
      ...secrecy(args),
      // EKS would put its own versions of these in; addons.ts brings those of the stack's file.
      bootstrapSelfManagedAddons: false,
      deletionProtection: place.keep,
      tags: tagged(place, "cluster"),
    },
    stateful(place, { customTimeouts: TIMEOUTS, dependsOn: [...taken.rights, controlPlaneLog(name, args)] }),
  );
  const rights = settings.admins.map((arn) => admin(made.name, arn, place));
  return {
    name: made.name,
    arn: made.arn,
    kubeconfig: all(rights.map(({ id }) => id)).apply(() => access(made, account)),
    nodesGroupId: made.vpcConfig.clusterSecurityGroupId,
    version: settings.version,
    is: made,
  };
}

function access({ name: made, endpoint, certificateAuthority }: EksCluster, { region }: AwsAccount): Output<string> {
  return all([made, endpoint, certificateAuthority.data]).apply(([name, server, ca]) =>
    kubeconfig({ name, server, ca, region }),
  );
}

function version({ version: minor }: ClusterSettings) {
  // STANDARD: EKS upgrades by itself at the end of the version's support, and does not charge six times as much instead.
  return { version: minor, forceUpdateVersion: false, upgradePolicy: { supportType: "STANDARD" } };
}

function reach({ settings, subnetIds }: ClusterArgs) {
  const { publicCidrs, serviceCidr } = settings;
  return {
    vpcConfig: {
      subnetIds: subnetIds.slice(0, CONTROL_PLANE_ZONES),
      endpointPrivateAccess: true,
      endpointPublicAccess: publicCidrs.length > 0,
      ...(publicCidrs.length > 0 ? { publicAccessCidrs: publicCidrs } : {}),
    },
    kubernetesNetworkConfig: { ipFamily: "ipv4", serviceIpv4Cidr: serviceCidr },
    accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
  };
}

function secrecy({ keys }: ClusterArgs) {
  return {
    encryptionConfig: { provider: { keyArn: keys.cluster }, resources: ["secrets"] },
    enabledClusterLogTypes: LOG_TYPES,
  };
}

/** EKS would make it without our key and keep it for ever. */
function controlPlaneLog(name: Output<string>, { settings, keys, place }: ClusterArgs): LogGroup {
  return new LogGroup(
    "cluster",
    {
      name: interpolate`/aws/eks/${name}/cluster`,
      retentionInDays: settings.logDays,
      kmsKeyId: keys.logs,
      tags: tagged(place, "cluster"),
    },
    stateful(place),
  );
}

function clusterRole(name: Output<string>, { keys, account, place }: ClusterArgs): MadeRole {
  const arn = interpolate`arn:aws:eks:${account.region}:${account.account}:cluster/${name}`;
  return role({
    ...{ name: "cluster", description: "Control plane of the stack's cluster", service: "eks.amazonaws.com" },
    conditions: { StringEquals: { "aws:SourceAccount": account.account }, ArnEquals: { "aws:SourceArn": arn } },
    managed: ["AmazonEKSClusterPolicy"],
    policy: jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: ["kms:DescribeKey", "kms:Encrypt", "kms:Decrypt", "kms:ListGrants"],
          Resource: keys.cluster,
        },
      ],
    }),
    place,
  });
}

function admin(clusterName: Output<string>, principalArn: string, place: AwsPlace): AccessPolicyAssociation {
  const [, account = "", path = ""] = /^arn:aws:iam::(\d+):role\/(.+)$/.exec(principalArn) ?? [];
  const name = `admin-${account}-${path.replaceAll("/", "-")}`;
  const entry = new AccessEntry(
    name,
    { clusterName, principalArn, type: "STANDARD", tags: tagged(place, name) },
    options(place),
  );
  return new AccessPolicyAssociation(
    name,
    { clusterName, principalArn: entry.principalArn, policyArn: ADMIN_POLICY, accessScope: { type: "cluster" } },
    options(place),
  );
}
