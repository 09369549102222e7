import type { DatabaseDrill, DrillResult, RestoreResult } from "../../backup/protocol.ts";
import { drillSchema } from "../agent-messages.ts";
import { AgentSteps } from "../agent-steps.ts";
import { askAgent } from "../asking.ts";
import { formatSpan, formatTime } from "../quantities.ts";
import { runOps, type Said } from "../run-ops.ts";
import { facts } from "../table.ts";
import type { Steps } from "../../toolchain/steps.ts";

export function run(): Promise<void> {
  return runOps({
    name: "drill",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "restores the newest backup in a folder of its own, lets it do a job, measures both, and throws it away. The stack does it by itself every few days.",
    options: {},
    optionLines: [],
    examples: ["./slipway drill", "./slipway drill --json | jq .result.rtoSeconds"],
    run: async ({ stack, platform, steps }) => {
      if (platform === "aws") return onAws(stack, steps);
      const { code, result } = await askAgent({ stack, steps, words: ["drill"], schema: drillSchema });
      return { code, result, text: drillText(result) };
    },
  });
}

async function onAws(stack: string, steps: Steps): Promise<Said> {
  // With it comes a client.
  const { clusterOf, drillOnAws } = await import("../aws-drill.ts");
  const { code, result } = await drillOnAws(await clusterOf(stack, steps), new AgentSteps(steps));
  return { code, result, text: drillText(result) };
}

/** A drill, as people read it. */
export function drillText(drill: DatabaseDrill & Partial<DrillResult>): string {
  return `\n${facts([
    ["RTO", `${formatSpan(drill.rtoSeconds)} from nothing to a job that is done`],
    ["RPO", `${formatSpan(drill.rpoSeconds)} of what had been accepted were not in it`],
    ...restoreFacts(drill),
  ])}`;
}

/** Name of the fact that says where artifacts are. */
export const ARTIFACTS = "Artifacts";

/** What is said of anything that was restored. */
export function restoreFacts(
  result: Omit<RestoreResult, "missingArtifacts"> & Partial<RestoreResult>,
): [string, string][] {
  const { missingArtifacts: missing } = result;
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
    ...(missing === undefined ? [] : [[ARTIFACTS, artifactsText(missing)] as [string, string]]),
  ];
}

function artifactsText(missing: number): string {
  return missing === 0 ? "all there" : `${missing} neither in the store nor in the mirror`;
}
