import { EXIT } from "../../backup/protocol.ts";
import type { DeploymentRecord } from "../../toolchain/deployment/deployments-log.ts";
import { readReleases, type ListedRelease } from "../releases.ts";
import { formatTime } from "../quantities.ts";
import { runOps } from "../run-ops.ts";
import { facts, table, type Column } from "../table.ts";
import { DEPLOY_PLATFORMS } from "./deploy.ts";

export function run(): Promise<void> {
  return runOps({
    name: "releases",
    summary:
      "lists what was deployed, by whom, and what came of it; the release that serves is marked. What other machines deployed is asked of the stack.",
    platforms: DEPLOY_PLATFORMS,
    options: {},
    optionLines: [],
    examples: ["./slipway releases", "./slipway releases --json | jq '.result.deployments[-1].outcome'"],
    run: async ({ stack, steps }) => {
      const result = await readReleases(stack, steps);
      return { code: EXIT.good, result, text: releasesText(result.deployments, result.path, result.unasked) };
    },
  });
}

/** What matters most first: a narrow terminal cuts the end. */
const COLUMNS: readonly Column<ListedRelease>[] = [
  { head: "", cell: ({ serves }) => (serves ? "*" : "") },
  { head: "NO", cell: ({ number }) => String(number), align: "right" },
  { head: "VERSION", cell: ({ version }) => version },
  { head: "OUTCOME", cell: ({ outcome = "under way" }) => outcome },
  { head: "STARTED", cell: ({ startedAt }) => formatTime(startedAt) },
  { head: "SCHEMA", cell: schema, align: "right" },
  { head: "COMMAND", cell: ({ command }) => command.replace(/^slipway /, "") },
  { head: "BY", cell: ({ by }) => by },
];

/** The list, as people read it; where each ended that did not succeed, and the first line of why, is below it. */
export function releasesText(deployments: readonly ListedRelease[], path: string, unasked?: string): string {
  const others = unasked === undefined ? "" : `What other machines deployed since is not known: ${unasked}.\n`;
  if (deployments.length === 0) return `Nothing was deployed yet that is on record here.\n${others}`;
  const reasons = deployments.flatMap(({ number, reason, step = "its beginning" }) =>
    reason === undefined ? [] : [[String(number), `at ${step}: ${reason.split("\n")[0] ?? ""}`] as const],
  );
  const why = reasons.length === 0 ? "" : `\nWhat did not succeed\n${facts(reasons)}`;
  const serves = deployments.some((one) => one.serves) ? "\n* serves\n" : "\nNothing of these serves.\n";
  return `${table(COLUMNS, deployments)}${serves}${why}\nAll of it: ${path}\n${others}`;
}

function schema({ schemaBefore, schemaAfter }: DeploymentRecord): string {
  if (schemaAfter === undefined) return schemaBefore === undefined ? "" : String(schemaBefore);
  return schemaBefore === undefined || schemaBefore === schemaAfter
    ? String(schemaAfter)
    : `${schemaBefore} to ${schemaAfter}`;
}
