import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StackPreview } from "../../ops/preview.ts";
import { docker, makeStack, type E2eStack } from "./stack.ts";

/** The policy pack, run by the engine itself. */
let stack: E2eStack;
beforeAll(async () => {
  stack = await makeStack();
});
afterAll(() => stack.remove());

const PACK = ["--policy-pack", "policies"];

describe("the policy pack", () => {
  it("has nothing to say of the shipped program, in dev and in prod", async () => {
    for (const environment of ["dev", "prod"]) {
      stack.configure({ environment });
      const { code, output } = await stack.pulumi("preview", ...PACK);
      expect(code, output).toBe(0);
      expect(output).toContain("slipway-policies@v1.0.0");
      expect(output).not.toMatch(/\[(advisory|mandatory)\]/);
    }
  });

  it("stops an up in prod before anything is made, and only says so in dev", async () => {
    stack.checkout.edit("infra/docker/container.ts", "readOnly: true,", "readOnly: false,");
    stack.configure({ environment: "dev" });
    const dev = await stack.pulumi("preview", ...PACK);
    expect(dev.code, dev.output).toBe(0);
    expect(dev.output).toMatch(/\[advisory\] +hardened-advice +\(docker:index\/container:Container: api-1\)/);
    const { result, text } = await stack.slipway<{ previews: readonly StackPreview[] }>(["preview"]);
    expect(result.previews[0]?.policies, text).toContainEqual(
      expect.objectContaining({ policyName: "hardened-advice", enforcementLevel: "advisory" }),
    );
    stack.configure({ environment: "prod" });
    // What is refused is told all the same, for the comment of a pull request.
    const refused = await stack.slipway<{ previews: readonly StackPreview[] }>(["preview"]);
    expect(refused.code, refused.text).toBe(1);
    expect(refused.result.previews[0]?.policies, refused.text).toContainEqual(
      expect.objectContaining({ policyName: "hardened", enforcementLevel: "mandatory" }),
    );
    const prod = await stack.pulumi("up", "--yes", ...PACK);
    expect(prod.code, prod.output).not.toBe(0);
    expect(prod.output).toMatch(/\[mandatory\] +hardened +\(docker:index\/container:Container: api-1\)/);
    expect(prod.output).toContain("readOnly must be true, is false");
    expect(await stack.containers()).toEqual([]);
    const volumes = await docker("volume", "ls", "--quiet", "--filter", `label=slipway.stack=${stack.name}`);
    expect(volumes).toEqual({ code: 0, output: "" });
  });
});
