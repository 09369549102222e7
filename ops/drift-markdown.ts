import type { ResourceChange } from "./changes.ts";
import { hasDrift, type Drift } from "./drift.ts";
import { code, fitted, GITHUB_LIMIT } from "./markdown.ts";
import { counted } from "./quantities.ts";

/** By this line the issue of a stack is found again. */
export function driftMarker(stack: string): string {
  return `<!-- slipway:drift ${stack} -->`;
}

/** The body of the issue that tells of a stack's drift. */
export function driftMarkdown(drift: Drift): string {
  const { stack } = drift;
  const head = [
    driftMarker(stack),
    ...(hasDrift(drift)
      ? [
          `${code(stack)} is not as it was deployed: ${summary(drift)}.`,
          "",
          "`pulumi up --refresh` makes it so again; what somebody changed on purpose belongs into the program. What is unmanaged is to be removed by hand, or is somebody's who should say so.",
        ]
      : [`${code(stack)} is as it was deployed.`]),
    "",
  ].join("\n");
  const lines = [
    ...drift.changes.map(changeLine),
    ...drift.unmanaged.map(({ kind, name }) => `- unmanaged ${kind} ${code(name)}`),
    ...notes(drift).map((note) => `- ${note}`),
  ];
  const leftOut = (count: number) =>
    `- … ${counted(count, "line")} left out. All of it: \`./slipway drift --stack ${stack}\``;
  return `${fitted("", [{ head, lines, leftOut }], GITHUB_LIMIT - 1)}\n`;
}

function summary({ changes, unmanaged }: Drift): string {
  return [
    ...(changes.length > 0 ? [`${counted(changes.length, "resource")} changed or gone`] : []),
    ...(unmanaged.length > 0 ? [`${counted(unmanaged.length, "object")} unmanaged`] : []),
  ].join(", ");
}

function notes({ leftToAutoscalers, unseen }: Drift): string[] {
  return [
    ...leftToAutoscalers.map(({ name, path, by }) => `left to ${by}: ${path} of ${name}`),
    ...unseen.map((what) => `not looked at: ${what}`),
  ];
}

function changeLine({ op, name, type, properties, losesData }: ResourceChange): string {
  const isGone = op === "delete";
  const what = `${isGone ? "gone" : "changed"}: ${code(name)}`;
  const said = properties.map(
    ({ path, before, after }) => `${code(path)} ${code(before ?? "…")} → ${code(after ?? "…")}`,
  );
  return `- ${losesData ? `**${what}**` : what} (${code(type)})${said.length > 0 ? `: ${said.join("; ")}` : ""}`;
}

/** What was changed or is gone, for a terminal: a line a resource, and one a property. */
export function changeLines(changes: readonly ResourceChange[]): string[] {
  return changes.flatMap(({ op, name, type, properties }) => [
    `  ${op === "delete" ? "gone" : "changed"}  ${name} (${type})`,
    ...properties.map(({ path, before = "…", after = "…" }) => `           ${path}: ${before} → ${after}`),
  ]);
}

/** The same for a terminal. */
export function driftText(drift: Drift): string {
  const lines = [
    ...changeLines(drift.changes),
    ...drift.unmanaged.map(({ kind, name }) => `  unmanaged  ${kind} ${name}`),
    ...notes(drift).map((note) => `  ${note}`),
  ];
  const sum = hasDrift(drift) ? summary(drift) : "as it was deployed";
  return `${[`${drift.stack}: ${sum}`, ...lines].join("\n")}\n`;
}
