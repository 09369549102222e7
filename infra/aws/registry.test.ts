import { describe, expect, it } from "vitest";
import { dataSettings, inputs, KEYS, names, one, recordAws, TYPES } from "../../test/pulumi/aws-data.ts";
import { known } from "../../test/pulumi/recorder.ts";
import type { AwsPlace } from "./place.ts";
import { registry } from "./registry.ts";

const make = (place: AwsPlace) => registry({ settings: dataSettings().registry, keyArn: KEYS.objects, place });

describe("the registry", () => {
  it("has a repository for each image, whose tags never change, scanned and encrypted with our key", async () => {
    const { resources, result } = await recordAws(make);
    expect(names(resources, TYPES.repository)).toEqual(["image-api", "image-worker"]);
    for (const image of ["api", "worker"] as const) {
      expect(inputs(resources, TYPES.repository, `image-${image}`)).toMatchObject({
        ...{ name: `slipway-unit/${image}`, imageTagMutability: "IMMUTABLE" },
        imageScanningConfiguration: { scanOnPush: true },
        encryptionConfigurations: [{ encryptionType: "KMS", kmsKey: KEYS.objects }],
      });
      expect(await known(result[image].url)).toBe(`registry.example/image-${image}`);
    }
  });

  it("keeps the latest images, and those without a tag for a week", async () => {
    const { resources } = await recordAws(make);
    for (const image of ["image-api", "image-worker"]) {
      const text = String(inputs(resources, TYPES.imageLifecycle, image)["policy"]);
      const { rules } = JSON.parse(text) as { rules: readonly { selection: object; action: object }[] };
      expect(rules.map(({ selection, action }) => ({ ...selection, ...action }))).toEqual([
        { tagStatus: "untagged", countType: "sinceImagePushed", countUnit: "days", countNumber: 7, type: "expire" },
        { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 50, type: "expire" },
      ]);
    }
  });

  it("is protected with its images where the stack keeps its data, and not where it is torn down", async () => {
    for (const keep of [true, false]) {
      const { resources } = await recordAws(make, { keep });
      for (const image of ["image-api", "image-worker"]) {
        const { isProtected, inputs: given } = one(resources, TYPES.repository, image);
        expect([isProtected, given["forceDelete"]]).toEqual([keep, !keep]);
      }
    }
  });
});
