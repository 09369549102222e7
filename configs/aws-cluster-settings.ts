import { z } from "zod";
import { publicCidrs } from "./public-cidrs.ts";

/** Add-ons that EKS runs and updates by the stack's file alone. */
export const ADDON_NAMES = [
  "vpc-cni",
  "kube-proxy",
  "eks-pod-identity-agent",
  "coredns",
  "aws-ebs-csi-driver",
  "metrics-server",
] as const;
export type AddonName = (typeof ADDON_NAMES)[number];

/** Versions of the add-ons. */
export type AddonVersions = Readonly<Record<AddonName, string>>;

/**
 * Versions of Kubernetes with add-ons that go with them. `aws eks describe-addon-versions --kubernetes-version 1.35` tells newer ones; a stack's
 * file may take them before this table does.
 */
export const CLUSTER_VERSIONS = {
  "1.35": {
    "vpc-cni": "v1.21.1-eksbuild.8",
    "kube-proxy": "v1.35.3-eksbuild.5",
    "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
    coredns: "v1.14.2-eksbuild.4",
    "aws-ebs-csi-driver": "v1.59.0-eksbuild.1",
    "metrics-server": "v0.8.1-eksbuild.6",
  },
} as const satisfies Record<string, AddonVersions>;

/** Days that CloudWatch can keep a log for, a month at least; it takes no others. */
const LOG_DAYS = [30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653] as const;

export const logDays = (fallback: (typeof LOG_DAYS)[number]) =>
  z.literal(LOG_DAYS, { error: `must be one of ${LOG_DAYS.join(", ")} days` }).default(fallback);

const addonVersion = z
  .string()
  .regex(/^v\d+\.\d+\.\d+-eksbuild\.\d+$/, { error: "must be a version of EKS, such as v1.21.1-eksbuild.8" });

const addons = z
  .strictObject({
    "vpc-cni": addonVersion,
    "kube-proxy": addonVersion,
    "eks-pod-identity-agent": addonVersion,
    coredns: addonVersion,
    "aws-ebs-csi-driver": addonVersion,
    "metrics-server": addonVersion,
  } satisfies Record<AddonName, typeof addonVersion>)
  .partial();

const admin = z.string().regex(/^arn:aws:iam::\d{12}:role\/[\w+=,.@/-]+$/, {
  error: "must be the ARN of a role, such as arn:aws:iam::012345678901:role/deployer",
});

/** What `aws.cluster` of a stack's file may say. */
export const clusterSchema = z.strictObject({
  /** Minor version of Kubernetes. Upgrades go one by one, and never back. */
  version: z
    .string()
    .regex(/^1\.\d{2}$/, { error: 'must be a minor version in quotes, such as "1.35"', abort: true })
    .default("1.35"),
  /** Block of the cluster's Services, /24../12 of the blocks for private use and clear of the network's. It never changes. */
  serviceCidr: z.string().default("172.20.0.0/16"),
  /**
   * Networks from which the Kubernetes API can be reached over the internet, /16 and narrower, 40 at most: where `pulumi up` runs. With `[]` it has
   * no public address, and who deploys does it from the stack's network or by a VPN to it. The file has to say one or the other.
   */
  publicCidrs,
  /**
   * Roles that may do everything in the cluster. The one that deploys is among them: who creates a cluster has no rights of his own there, so that
   * they do not stay with whoever happened to.
   */
  admins: z
    .array(admin)
    .min(1)
    .max(20)
    .refine((roles) => new Set(roles).size === roles.length, { error: "must name each role once" }),
  /** Days that the control plane's logs are kept, the audit log among them. */
  logDays: logDays(365),
  /** Versions that are taken instead of the table's. @default those of {@link CLUSTER_VERSIONS} */
  addons: addons.prefault({}),
});

export type ClusterSettings = z.infer<typeof clusterSchema>;

/** Versions of the add-ons that a stack takes, and the names of those that nobody says a version of. */
export function addonVersions({ version, addons: own }: Pick<ClusterSettings, "version" | "addons">): {
  readonly versions: Readonly<Partial<AddonVersions>>;
  readonly missing: readonly AddonName[];
} {
  const table: Readonly<Record<string, AddonVersions>> = CLUSTER_VERSIONS;
  const base = Object.hasOwn(table, version) ? table[version] : undefined;
  const versions = Object.fromEntries(ADDON_NAMES.map((name) => [name, own[name] ?? base?.[name]]));
  return { versions, missing: ADDON_NAMES.filter((name) => versions[name] === undefined) };
}
