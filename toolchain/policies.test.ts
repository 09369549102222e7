import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { platformOf } from "./platforms/platforms.ts";

test("a stack in prod brings the policy pack along, another one does not", async () => {
  const root = mkdtempSync(join(tmpdir(), "slipway-policies-"));
  try {
    const folders = { root, cache: "/c", state: "/s", config: "/k" };
    for (const environment of ["dev", "prod"])
      writeFileSync(
        join(root, `Pulumi.${environment}.yaml`),
        `config: { slipway:platform: docker, slipway:environment: ${environment} }`,
      );
    const environmentOf = async (stack: string) => (await platformOf(stack, folders)).environment(stack, folders);
    expect(await environmentOf("dev")).toEqual({});
    expect(await environmentOf("prod")).toEqual({ PULUMI_OPTION_POLICY_PACK: join(root, "policies") });
  } finally {
    rmSync(root, { recursive: true });
  }
});
