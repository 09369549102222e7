import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stackSchema, type StackConfig } from "../../configs/stack.ts";
import { authorityCertificate } from "../../infra/kubernetes/certificate.ts";
import { prod, type ProdOutputs } from "../../stacks/prod.ts";
import { FOUNDATION_ANSWERS } from "./aws.ts";
import { ANSWERS, ECR_LOGIN } from "./aws-data.ts";
import { CLUSTER_ANSWERS } from "./kubernetes.ts";
import { overlaid, shippedProd, usersOwn } from "./prod-file.ts";
import { record, type Functions, type RecordedResource } from "./recorder.ts";

/** Digest of every image that is pushed or named. */
export const DIGEST = `sha256:${"d".repeat(64)}`;

/** Needed where there are GPUs. */
const NVIDIA_IMAGES = {
  devicePlugin: `r.example/device-plugin@${DIGEST}`,
  dcgmExporter: `r.example/dcgm-exporter@${DIGEST}`,
};

/** What a user puts into the shipped file. */
export interface OwnFiles {
  /** Path of the file with RDS' authorities. */
  readonly caBundle: string;
  remove(): void;
}

/** Files that a user has beside Pulumi.prod.yaml. */
export function ownFiles(): OwnFiles {
  const folder = mkdtempSync(join(tmpdir(), "slipway-prod-"));
  const caBundle = join(folder, "rds.pem");
  writeFileSync(caBundle, authorityCertificate("a-seed-of-many-random-characters-0123456789"));
  return {
    caBundle,
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

/**
 * The shipped Pulumi.prod.yaml with what is a user's own, and NVIDIA's images.
 *
 * @param own  below `slipway:aws`
 * @param more other keys
 */
export function prodStack(files: OwnFiles, own: object = {}, more: object = {}): StackConfig {
  const images = { kubernetes: { images: NVIDIA_IMAGES } };
  return stackSchema.parse([usersOwn(files), images, { aws: own }, more].reduce(overlaid, shippedProd()));
}

/**
 * EC2 and ECR: every type of instance in every zone, but for those that a test takes away.
 *
 * @param zones of the stack's file
 */
export function answersOfAws(zones: readonly string[], without: readonly string[] = []): Functions {
  return {
    ...ECR_LOGIN,
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": ({ filters }) => {
      const types = (filters as readonly { readonly values: readonly string[] }[])[0]?.values ?? [];
      const rows = types
        .filter((type) => !without.includes(type))
        .flatMap((type) => zones.map((zone) => ({ type, zone })));
      return { instanceTypes: rows.map(({ type }) => type), locations: rows.map(({ zone }) => zone) };
    },
  };
}

export interface RecordedProd {
  readonly result: ProdOutputs;
  readonly resources: readonly RecordedResource[];
}

/** What all plugins would answer to a stack on AWS. */
export const PROD_ANSWERS = {
  ...{ ...FOUNDATION_ANSWERS, ...ANSWERS, ...CLUSTER_ANSWERS },
  "docker:index/registryImage:RegistryImage": () => ({ sha256Digest: DIGEST }),
};

/** Runs the program of a stack on AWS, and gives all of its resources. */
export function recordProd(file: StackConfig, without: readonly string[] = []): Promise<RecordedProd> {
  return record(() => prod(file), PROD_ANSWERS, {}, answersOfAws(file.aws?.network.zones ?? [], without));
}
