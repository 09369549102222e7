import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { stackSchema } from "../../configs/stack.ts";
import { manifestOfAll } from "../../test/pulumi/docker-stack.ts";
import { overlaid, shippedProd, usersOwn } from "../../test/pulumi/prod-file.ts";
import { ownFiles, recordProd, type OwnFiles } from "../../test/pulumi/prod-stack.ts";

vi.mock("../images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

let files: OwnFiles;
beforeAll(() => {
  files = ownFiles();
});
afterAll(() => {
  files.remove();
});

const text = readFileSync(new URL("../../docs/aws.md", import.meta.url), "utf8");
const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)]
  // Digests of zeros are refused: who copies them has to put in their own.
  .map(([, yaml = ""]) => yaml.replaceAll("0".repeat(64), "5".repeat(64)));

it("docs/aws.md has examples of a stack's file", () => {
  expect(examples.length).toBeGreaterThanOrEqual(2);
});

it.each(examples)("docs/aws.md shows keys that the shipped file may have besides: %#", async (yaml) => {
  const values = parse(yaml) as Readonly<Record<string, unknown>>;
  const own = Object.fromEntries(Object.entries(values).map(([key, value]) => [key.replace("slipway:", ""), value]));
  const { resources } = await recordProd(stackSchema.parse([usersOwn(files), own].reduce(overlaid, shippedProd())));
  expect(resources.map(({ type }) => type)).toContain("aws:eks/cluster:Cluster");
});
