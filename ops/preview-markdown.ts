import type { PolicyResult } from "./engine-events.ts";
import { nameOf, typeOf } from "../infra/plan/urn.ts";
import { countsOf, OPS, type PropertyChange, type ResourceChange } from "./changes.ts";
import { costNotes } from "./cost-text.ts";
import { code, fitted, GITHUB_LIMIT, type Section } from "./markdown.ts";
import type { FailedPreview, StackPreview } from "./preview.ts";
import { counted } from "./quantities.ts";
import { violationsOf } from "./refusal.ts";

/** By this line the comment is found again, to be written anew in its place. */
export const PREVIEW_MARKER = "<!-- slipway:preview -->";

/** Properties of one resource that are named. */
const NAMED = 12;

export type Previewed = StackPreview | FailedPreview;

/** One comment for all stacks. */
export function previewMarkdown(previews: readonly Previewed[], limit = GITHUB_LIMIT): string {
  const rows = previews.map(summaryRow);
  const head = [
    PREVIEW_MARKER,
    "### What `pulumi up` would do",
    "",
    `| stack | ${OPS.join(" | ")} | unchanged |`,
    `| --- |${" ---: |".repeat(OPS.length + 1)}`,
    ...rows,
  ].join("\n");
  return `${fitted(head, previews.map(section), limit - 1)}\n`;
}

function summaryRow(preview: Previewed): string {
  if ("failure" in preview) return `| ${code(preview.stack)} | failed |${" |".repeat(OPS.length)}`;
  const counts = countsOf(preview);
  const cells = OPS.map((op) => (counts[op] > 0 ? `**${counts[op]}**` : "0"));
  const refused = violationsOf(preview.policies).length > 0 ? " **refused**" : "";
  return `| ${code(preview.stack)}${refused} | ${cells.join(" | ")} | ${preview.unchanged} |`;
}

function section(preview: Previewed): Section {
  const { stack } = preview;
  const leftOut = (count: number) =>
    `- … ${counted(count, "line")} left out: the comment would be too long. All of it: \`./slipway preview --stack ${stack}\``;
  if ("failure" in preview) {
    // Its message is in the log of the run: who made it could read what he could open.
    const said = ["**The preview failed.** The log of the run says why.", ...costNotesOf(preview)];
    return { head: `\n#### ${code(stack)}\n\n${said.join("\n\n")}`, lines: [], leftOut };
  }
  const { changes, policies } = preview;
  const lost = changes.filter(({ losesData }) => losesData);
  const violations = violationsOf(policies);
  const head = [
    `\n#### ${code(stack)}\n`,
    ...notes(preview).map((note) => `${note}\n`),
    ...(violations.length > 0
      ? [`**Refused: ${counted(violations.length, "violation")} of mandatory policies.**\n`]
      : []),
    ...(lost.length > 0 ? [`**Data would be lost: ${counted(lost.length, "resource")}.**\n`] : []),
  ].join("\n");
  const advice = policies.filter((policy) => !violations.includes(policy));
  // A text that is too long loses its last lines first.
  return {
    head,
    lines: [...violations.map(policyLine), ...changes.map(changeLine), ...advice.map(policyLine)],
    leftOut,
  };
}

function policyLine({ enforcementLevel, policyName, message, resourceUrn }: PolicyResult): string {
  const of = resourceUrn === undefined ? "" : ` of ${code(nameOf(resourceUrn))} (${code(typeOf(resourceUrn))})`;
  return `- policy ${code(policyName)} (${enforcementLevel})${of}: ${code(message.trim())}`;
}

function costNotesOf({ cost, costBefore }: Pick<StackPreview, "cost" | "costBefore">): string[] {
  return cost === undefined ? [] : costNotes(cost, costBefore);
}

/** What has to be known to read what follows. */
function notes(preview: StackPreview): string[] {
  const { isNew, isSealed, alike, changes } = preview;
  return [
    ...costNotesOf(preview),
    ...(isNew ? ["There is no state of it: it would be made anew."] : []),
    ...(isSealed && !isNew
      ? ["Made without opening a secret: placeholders stood for them, and what depends on them counts as changed."]
      : []),
    ...(alike === undefined
      ? []
      : [`Beside the base. ${counted(alike, "change")} that the base would make just so are left out.`]),
    ...(changes.length === 0 ? ["Nothing changes."] : []),
  ];
}

function changeLine({ op, name, type, losesData, properties }: ResourceChange): string {
  const what = `${op} ${code(name)}`;
  const named = properties.slice(0, NAMED).map(propertyText);
  const more = properties.length > NAMED ? [`${properties.length - NAMED} more`] : [];
  const said = [...named, ...more].join("; ");
  return `- ${losesData ? `**${what}**` : what} (${code(type)})${said === "" ? "" : `: ${said}`}`;
}

function propertyText({ path, before, after, replaces }: PropertyChange): string {
  const values =
    before === undefined && after === undefined
      ? ""
      : ` ${before === undefined ? "" : `${code(before)} `}→ ${after === undefined ? "…" : code(after)}`;
  return `${code(path)}${values}${replaces ? " **replaces it**" : ""}`;
}

/** The same for a terminal. */
export function previewText(previews: readonly Previewed[]): string {
  return previews.map(stackText).join("\n");
}

function stackText(preview: Previewed): string {
  if ("failure" in preview)
    return [`${preview.stack}: the preview failed.`, preview.failure, ...indented(costNotesOf(preview)), ""].join("\n");
  const counts = countsOf(preview);
  const sum = OPS.map((op) => `${counts[op]} to ${op}`).join(", ");
  const lines = preview.changes.flatMap(({ op, name, type, losesData, properties }) => [
    `  ${losesData ? "DATA LOST: " : ""}${op} ${name} (${type})`,
    ...properties.map(
      ({ path, before = "", after = "…", replaces }) =>
        `      ${path}: ${before} → ${after}${replaces ? "  replaces it" : ""}`,
    ),
  ]);
  const violations = violationsOf(preview.policies);
  const said = [
    `${preview.stack}: ${sum}, ${preview.unchanged} unchanged`,
    ...indented(notes(preview)),
    ...(violations.length > 0 ? [`  REFUSED: ${counted(violations.length, "violation")} of mandatory policies`] : []),
  ];
  return `${[...said, ...lines, ...preview.policies.map(policyText)].join("\n")}\n`;
}

function policyText({ policyName, enforcementLevel, message, resourceUrn }: PolicyResult): string {
  const of = resourceUrn === undefined ? "" : ` of ${nameOf(resourceUrn)} (${typeOf(resourceUrn)})`;
  return `  policy ${policyName} (${enforcementLevel})${of}: ${message.trim().replaceAll(/\s+/g, " ")}`;
}

const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`);
