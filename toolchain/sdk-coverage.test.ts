import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./folders.ts";
import { interfaceProperties, missingFromSchema, type PackageSchema } from "./sdk-coverage.ts";

const docker = join(ROOT, "node_modules/@pulumi/docker");
const empty: PackageSchema = { resources: {} };

test("names every resource of the SDK that a plugin lacks, but not what only the official one has", () => {
  const missing = missingFromSchema(empty, docker);
  expect(missing).toEqual(expect.arrayContaining(["Container", "Network", "RemoteImage", "Tag", "Volume"]));
  expect(missing).not.toContain("Image");
});

test("names the property of a resource, and the property of a nested type", () => {
  const schema: PackageSchema = {
    resources: {
      "docker:index/tag:Tag": { inputProperties: { sourceImage: {} } },
      "docker:index/volume:Volume": { inputProperties: {} },
    },
    types: { "docker:index/VolumeLabel:VolumeLabel": { properties: { label: {} } } },
  };
  const missing = missingFromSchema(schema, docker);
  expect(missing).toContain("Tag.targetImage");
  expect(missing).not.toContain("Tag.sourceImage");
  expect(missing).toContain("Volume.labels");
  expect(missing).toContain("type VolumeLabel.value");
});

test("reads properties out of a declaration, required and optional, and no comment", () => {
  const text =
    "export interface A {\n    /**\n     * b: no\n     */\n    one?: Input<string>;\n    two: Input<{\n        deep: string;\n    }>;\n}\n";
  expect(interfaceProperties(text, "A")).toEqual(["one", "two"]);
});
