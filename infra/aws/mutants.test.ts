import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { manifestOfAll } from "../../test/pulumi/docker-stack.ts";
import { changed } from "../../test/pulumi/mutants.ts";
import { ownFiles, prodStack, recordProd, type OwnFiles } from "../../test/pulumi/prod-stack.ts";
import type { RecordedResource } from "../../test/pulumi/recorder.ts";
import { weaknesses } from "../../test/pulumi/secure.ts";
import { MUTANTS } from "../../test/pulumi/secure-mutants.ts";
import { SECURE } from "../../test/pulumi/secure-rules.ts";

/**
 * What is secure about how a prod stack's own parts belong together, and for each rule a change that it finds: a rule that nothing breaks would say
 * nothing. What has to hold of any stack is the policy pack's, and tested there.
 */

vi.mock("../images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

let files: OwnFiles;
let resources: readonly RecordedResource[];
beforeAll(async () => {
  files = ownFiles();
  const own = { pools: { gpu: [{ shape: "l4", max: 2 }] } };
  ({ resources } = await recordProd(prodStack(files, own)));
});
afterAll(() => {
  files.remove();
});

describe("the prod stack of the shipped file", () => {
  it("has no weakness, and something to look at for every rule", () => {
    expect(weaknesses(resources, SECURE)).toEqual([]);
    const types = new Set(resources.map(({ type }) => type));
    expect(Object.keys(SECURE).filter((type) => !types.has(type))).toEqual([]);
  });

  it.each(MUTANTS.map(([which, change, found]) => ({ which, change, found })))(
    "would be found out: $which, $found",
    ({ which, change, found }) => {
      const mutant = weaknesses(changed(resources, which, change), SECURE);
      expect(mutant.map(({ what }) => what)).toContain(found);
    },
  );

  it("has a mutant for every rule", () => {
    const broken = MUTANTS.flatMap(([which, change]) => weaknesses(changed(resources, which, change), SECURE));
    const killed = new Set(broken.map(({ type, what }) => `${type}: ${what}`));
    const rules = Object.entries(SECURE).flatMap(([type, of]) => Object.keys(of).map((what) => `${type}: ${what}`));
    expect(rules.length).toBeGreaterThanOrEqual(45);
    expect(rules.filter((rule) => !killed.has(rule))).toEqual([]);
  });
});
