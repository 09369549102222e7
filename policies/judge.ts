import { input } from "./checks.ts";
import type { Asks, Checked, Checks, Exception, Holds, Rule, Violation } from "./rule.ts";
import { UNKNOWN } from "./unknown.ts";

/**
 * What does not hold of a resource.
 *
 * @param checks the rule's own, or those that take several resources
 * @param all    of its stack, for those
 */
export function judge(
  rule: Rule,
  checks: Checks,
  resource: Checked,
  all: readonly Checked[],
  exceptions: readonly Exception[],
): Violation[] {
  const { type, name, urn } = resource;
  return Object.entries(checks[type] ?? {})
    .filter(([what, holds]) => !holds(resource, all) && !isExcepted(rule, what, resource, exceptions))
    .map(([what, holds]) => ({
      rule: rule.name,
      type,
      name,
      urn,
      what,
      message: message(rule, what, holds, resource),
    }));
}

function isExcepted({ name: rule }: Rule, what: string, { type, name }: Checked, exceptions: readonly Exception[]) {
  return exceptions.some(
    (one) =>
      one.rule === rule &&
      one.type === type &&
      one.name.test(name) &&
      (one.from === undefined || one.from.includes(what)),
  );
}

function message({ mend }: Rule, what: string, { asks }: Holds, resource: Checked): string {
  const { type, name } = resource;
  const found = asks === undefined ? "" : `: ${asks.path} must be ${asks.wanted}${got(resource, asks)}`;
  return (
    `It does not hold that ${type.split(":").at(-1) ?? type} ${name} ${what}${found}. ${mend} ` +
    "Where this one is right as it is: an exception with its reason in policies/exceptions.ts."
  );
}

/** What stands there, where that is no secret: numbers, switches and choices are shown, of other texts the length. */
function got(resource: Checked, { path, isChoice = false }: Asks): string {
  if (!/^[\w.]+$/.test(path) || path === "protect") return "";
  const found = input(resource, path);
  if (found === undefined) return ", is left out";
  if (typeof found === "boolean" || typeof found === "number") return `, is ${found}`;
  if (isChoice && typeof found === "string") return `, is ${JSON.stringify(found)}`;
  return found === UNKNOWN || typeof found !== "string" ? "" : `, is a text of ${found.length} characters`;
}
