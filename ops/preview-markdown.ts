import { countsOf, OPS, type PropertyChange, type ResourceChange } from "./changes.ts";
import { costNotes } from "./cost-text.ts";
import { code, fitted, GITHUB_LIMIT, type Section } from "./markdown.ts";
import type { FailedPreview, StackPreview } from "./preview.ts";
import { counted } from "./quantities.ts";

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
  return `| ${code(preview.stack)} | ${cells.join(" | ")} | ${preview.unchanged} |`;
}

function section(preview: Previewed): Section {
  const { stack } = preview;
  const leftOut = (count: number) =>
    `- … ${counted(count, "line")} left out: the comment would be too long. All of it: \`./slipway preview --stack ${stack}\``;
  if ("failure" in preview) {
    // Its message is in the log of the run: who made it could read what he could open.
    const head = `\n#### ${code(stack)}\n\n**The preview failed.** The log of the run says why.`;
    return { head, lines: [], leftOut };
  }
  const lost = preview.changes.filter(({ losesData }) => losesData);
  const head = [
    `\n#### ${code(stack)}\n`,
    ...notes(preview).map((note) => `${note}\n`),
    ...(lost.length > 0 ? [`**Data would be lost: ${counted(lost.length, "resource")}.**\n`] : []),
  ].join("\n");
  const policies = preview.policies.map(
    ({ enforcementLevel, policyName, message }) =>
      `- policy ${code(policyName)} (${enforcementLevel}): ${code(message)}`,
  );
  return { head, lines: [...preview.changes.map(changeLine), ...policies], leftOut };
}

/** What has to be known to read what follows. */
function notes({ isNew, isSealed, alike, changes, cost, costBefore }: StackPreview): string[] {
  return [
    ...(cost === undefined ? [] : costNotes(cost, costBefore)),
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
  if ("failure" in preview) return `${preview.stack}: the preview failed.\n${preview.failure}\n`;
  const counts = countsOf(preview);
  const sum = OPS.map((op) => `${counts[op]} to ${op}`).join(", ");
  const lines = preview.changes.flatMap(({ op, name, type, losesData, properties }) => [
    `  ${losesData ? "DATA LOST: " : ""}${op} ${name} (${type})`,
    ...properties.map(
      ({ path, before = "", after = "…", replaces }) =>
        `      ${path}: ${before} → ${after}${replaces ? "  replaces it" : ""}`,
    ),
  ]);
  const policies = preview.policies.map(
    ({ policyName, enforcementLevel, message }) => `  policy ${policyName} (${enforcementLevel}): ${message}`,
  );
  const said = [
    `${preview.stack}: ${sum}, ${preview.unchanged} unchanged`,
    ...notes(preview).map((note) => `  ${note}`),
  ];
  return `${[...said, ...lines, ...policies].join("\n")}\n`;
}
