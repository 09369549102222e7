import { join } from "node:path";
import {
  PolicyPack,
  type EnforcementLevel,
  type PolicyResource,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
} from "@pulumi/policy";
import { concerns, environmentOf, stackOf, type Environment } from "./environment.ts";
import { EXCEPTIONS } from "./exceptions.ts";
import { judge } from "./judge.ts";
import type { Checked, Checks, Rule } from "./rule.ts";
import { RULES } from "./rules.ts";
import { plain } from "./unknown.ts";

/**
 * The pack as Pulumi runs it: `pulumi preview --policy-pack policies`. A policy's level stands fast before it sees a stack, so that each rule is
 * two policies: one that stops what is done to a stack in prod, and one that only says so elsewhere.
 */
const LEVELS = [
  { level: "mandatory", suffix: "", isProd: true },
  { level: "advisory", suffix: "-advice", isProd: false },
] as const satisfies readonly { readonly level: EnforcementLevel; readonly suffix: string; readonly isProd: boolean }[];

const environments = new Map<string, Environment>();

function environment(urn: string): Environment {
  const stack = stackOf(urn);
  const known = environments.get(stack) ?? environmentOf(stack, join(import.meta.dirname, ".."));
  environments.set(stack, known);
  return known;
}

type Level = (typeof LEVELS)[number];

const concernsHere = (rule: Rule, { isProd }: Level, urn: string) =>
  environment(urn).isProd === isProd && concerns(rule, environment(urn));

const policyOf = ({ name, description }: Rule, { level, suffix }: Level, more = "") => ({
  name: `${name}${more}${suffix}`,
  description,
  enforcementLevel: level,
});

function resourcePolicy(rule: Rule, checks: Checks, level: Level): ResourceValidationPolicy {
  return {
    ...policyOf(rule, level),
    validateResource: (args, report) => {
      if (!Object.hasOwn(checks, args.type) || !concernsHere(rule, level, args.urn)) return;
      const resource = checked(args);
      for (const { message } of judge(rule, checks, resource, [resource], EXCEPTIONS)) report(message);
    },
  };
}

function stackPolicy(rule: Rule, checks: Checks, level: Level): StackValidationPolicy {
  return {
    ...policyOf(rule, level, "-beside"),
    validateStack: ({ resources }, report) => {
      if (!resources.some(({ urn }) => concernsHere(rule, level, urn))) return;
      const all = resources.map((one) => checked(one, sourcesOf(one)));
      for (const resource of all)
        for (const { message, urn } of judge(rule, checks, resource, all, EXCEPTIONS)) report(message, urn);
    },
  };
}

function checked(
  { type, name, urn, props, opts }: Pick<ResourceValidationArgs, "type" | "name" | "urn" | "props" | "opts">,
  sources: Checked["sources"] = {},
): Checked {
  const inputs = plain(props) as Checked["inputs"];
  return { type, name, urn, inputs, isProtected: opts.protect, sources };
}

const sourcesOf = ({ propertyDependencies }: PolicyResource): Checked["sources"] =>
  Object.fromEntries(Object.entries(propertyDependencies).map(([key, from]) => [key, from.map(({ urn }) => urn)]));

new PolicyPack("slipway-policies", {
  policies: LEVELS.flatMap((level) =>
    RULES.flatMap((rule) => [
      ...(rule.checks ? [resourcePolicy(rule, rule.checks, level)] : []),
      ...(rule.beside ? [stackPolicy(rule, rule.beside, level)] : []),
    ]),
  ),
});
