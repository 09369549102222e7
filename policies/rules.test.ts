import { beforeAll, describe, expect, it, vi } from "vitest";
import { AWS_MUTANTS } from "../test/pulumi/aws-policy-mutants.ts";
import { CLUSTER_MUTANTS, DOCKER_MUTANTS } from "../test/pulumi/container-policy-mutants.ts";
import { manifestOfAll } from "../test/pulumi/docker-stack.ts";
import { changed, type Mutant } from "../test/pulumi/mutants.ts";
import { PROD, shippedStacks, violations, type ShippedStacks } from "../test/pulumi/policies.ts";
import { EXCEPTIONS } from "./exceptions.ts";
import { RULES } from "./rules.ts";

vi.mock("../infra/images/contexts.ts", async (original) => ({
  ...(await original<object>()),
  readManifest: () => manifestOfAll(),
}));

let stacks: ShippedStacks;
beforeAll(async () => {
  stacks = await shippedStacks();
});

type Name = keyof ShippedStacks;

const NAMES = ["dev", "cluster", "prod"] as const satisfies readonly Name[];

const MUTANTS: Readonly<Record<Name, readonly Mutant[]>> = {
  dev: DOCKER_MUTANTS,
  cluster: CLUSTER_MUTANTS,
  prod: AWS_MUTANTS,
};

const found = (name: Name, [which, change]: Mutant) =>
  violations(changed(stacks[name].resources, which, change), stacks[name].environment, EXCEPTIONS);

/** Types that our own programs make none of: other programs may. */
const NOT_OURS = ["aws:ebs/volume:Volume", "aws:efs/fileSystem:FileSystem", "kubernetes:core/v1:Pod"];

describe("the shipped stacks", () => {
  it.each(NAMES)("%s violates nothing", (name) => {
    const { resources, environment } = stacks[name];
    expect(violations(resources, environment, EXCEPTIONS)).toEqual([]);
  });

  it("need every exception", () => {
    const all = NAMES.flatMap((name) => violations(stacks[name].resources, stacks[name].environment, []));
    const unused = EXCEPTIONS.filter(
      (one) =>
        !all.some(({ rule, type, name, what }) => {
          const isOf = one.rule === rule && one.type === type && one.name.test(name);
          return isOf && (one.from?.includes(what) ?? true);
        }),
    );
    expect(unused).toEqual([]);
  });

  it("dev is not asked to protect what it may lose, and neither is a stack that is taken down", () => {
    const { resources } = stacks.prod;
    const open = resources.map((one) => ({ ...one, isProtected: false }));
    const rules = (isTeardown: boolean) =>
      violations(open, { ...PROD, isTeardown }, EXCEPTIONS).map(({ rule }) => rule);
    expect(new Set(rules(false))).toEqual(new Set(["kept"]));
    expect(rules(true)).toEqual([]);
    expect(violations(open, stacks.dev.environment, EXCEPTIONS)).toEqual([]);
  });
});

describe.each(NAMES)("%s", (name) => {
  it.each(MUTANTS[name].map(([which, change, what]) => ({ which, change, what })))(
    "would be found out: $which, $what",
    ({ which, change, what }) => {
      expect(found(name, [which, change, what]).map((one) => one.what)).toContain(what);
    },
  );
});

it("there is a change for every check that it finds", () => {
  const killed = new Set(
    NAMES.flatMap((name) => MUTANTS[name].flatMap((mutant) => found(name, mutant))).map(
      ({ rule, type, what }) => `${rule} ${type} ${what}`,
    ),
  );
  const checks = RULES.flatMap((rule) =>
    [rule.checks, rule.beside].flatMap((of = {}) =>
      Object.entries(of)
        .filter(([type]) => !NOT_OURS.includes(type))
        .flatMap(([type, own]) => Object.keys(own).map((what) => `${rule.name} ${type} ${what}`)),
    ),
  );
  expect(checks.length).toBeGreaterThan(100);
  expect(checks.filter((check) => !killed.has(check))).toEqual([]);
});
