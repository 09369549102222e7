import type { DrillResult, RestoreResult } from "../../backup/protocol.ts";
import { drillSchema } from "../agent-messages.ts";
import { askAgent } from "../asking.ts";
import { formatSpan, formatTime } from "../quantities.ts";
import { runOps } from "../run-ops.ts";
import { facts } from "../table.ts";

export function run(): Promise<void> {
  return runOps({
    name: "drill",
    platforms: ["docker", "kubernetes"],
    summary:
      "restores the newest backup in a folder of its own, lets it do a job, measures both, and throws it away. The stack does it by itself every few days.",
    options: {},
    optionLines: [],
    examples: ["./slipway drill", "./slipway drill --json | jq .result.rtoSeconds"],
    run: async ({ stack, steps }) => {
      const { code, result } = await askAgent({ stack, steps, words: ["drill"], schema: drillSchema });
      return { code, result, text: drillText(result) };
    },
  });
}

/** A drill, as people read it. */
export function drillText(drill: DrillResult): string {
  return `\n${facts([
    ["RTO", `${formatSpan(drill.rtoSeconds)} from nothing to a job that is done`],
    ["RPO", `${formatSpan(drill.rpoSeconds)} of what had been accepted were not in it`],
    ...restoreFacts(drill),
  ])}`;
}

/** Name of the fact that says where artifacts are. */
export const ARTIFACTS = "Artifacts";

/** What is said of anything that was restored. */
export function restoreFacts(result: RestoreResult): [string, string][] {
  const rows = Object.entries(result.rows).map(([name, count]) => `${name} ${count}`);
  return [
    ["Backup", result.label],
    [
      "Brought to",
      result.reached === undefined ? formatTime(result.target) : `${formatTime(result.reached)}, its last transaction`,
    ],
    [
      "Database",
      `answered after ${formatSpan(result.recoverySeconds)}, all checks and a job after ${formatSpan(result.totalSeconds)}`,
    ],
    ["Rows", `${rows.join(", ")}; level ${result.migrationLevel}`],
    [
      ARTIFACTS,
      result.missingArtifacts === 0 ? "all there" : `${result.missingArtifacts} neither in the store nor in the mirror`,
    ],
  ];
}
