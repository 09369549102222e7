import { LifecyclePolicy } from "@pulumi/aws/ecr/lifecyclePolicy.js";
import { Repository } from "@pulumi/aws/ecr/repository.js";
import type { Input, Output } from "@pulumi/pulumi";
import type { RegistrySettings } from "../../configs/aws-data-settings.ts";
import type { ServiceImage } from "../contract.ts";
import { stackPart } from "./own-name.ts";
import { options, tagged, type AwsPlace } from "./place.ts";
import { stateful } from "./stateful.ts";

export interface RegistryArgs {
  readonly settings: RegistrySettings;
  /** ARN of the KMS key that encrypts images. */
  readonly keyArn: Input<string>;
  readonly place: AwsPlace;
}

/** Where an image is pushed to, by the image's name. */
export type Registry = Readonly<Record<ServiceImage, { readonly url: Output<string>; readonly arn: Output<string> }>>;

/** A repository for each image of the product. What a tag means never changes: a rollback gets what ran before. */
export function registry(args: RegistryArgs): Registry {
  return { api: repository("api", args), worker: repository("worker", args) };
}

function repository(image: ServiceImage, { settings, keyArn, place }: RegistryArgs): Registry[ServiceImage] {
  const name = `image-${image}`;
  const made = new Repository(
    name,
    {
      name: `slipway-${stackPart(place.stack)}/${image}`,
      imageTagMutability: "IMMUTABLE",
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfigurations: [{ encryptionType: "KMS", kmsKey: keyArn }],
      forceDelete: !place.keep,
      tags: tagged(place, name),
    },
    stateful(place),
  );
  new LifecyclePolicy(name, { repository: made.name, policy: lifecycle(settings) }, options(place));
  return { url: made.repositoryUrl, arn: made.arn };
}

/** ECR applies the rule with the lower number first. */
function lifecycle({ keepImages, untaggedDays }: RegistrySettings): string {
  const rule = (rulePriority: number, description: string, selection: object) => ({
    ...{ rulePriority, description, selection, action: { type: "expire" } },
  });
  return JSON.stringify({
    rules: [
      rule(1, `Images without a tag go after ${untaggedDays} days`, {
        ...{ tagStatus: "untagged", countType: "sinceImagePushed", countUnit: "days", countNumber: untaggedDays },
      }),
      rule(2, `The latest ${keepImages} stay`, {
        ...{ tagStatus: "any", countType: "imageCountMoreThan", countNumber: keepImages },
      }),
    ],
  });
}
