import { EXIT, type BackupRecord } from "../../backup/protocol.ts";
import { backupSchema } from "../agent-messages.ts";
import { askAgent } from "../asking.ts";
import { counted, formatBytes, formatSpan } from "../quantities.ts";
import { stackOption } from "../restore-run.ts";
import { runOps } from "../run-ops.ts";
import { facts } from "../table.ts";

export function run(): Promise<void> {
  return runOps({
    name: "backup",
    platforms: ["docker", "kubernetes"],
    summary:
      "backs up Postgres, a snapshot of Redis and what is new of the artifacts, into every repository. Those that are due are made without it.",
    options: { full: { type: "boolean", default: false } },
    optionLines: ["--full         everything again; otherwise what has changed since the last full one"],
    examples: ["./slipway backup", "./slipway backup --full --stack mine", "./slipway backup --json"],
    run: async ({ stack, values, steps }) => {
      const words = values.full ? ["backup", "--full"] : ["backup"];
      const { code, result } = await askAgent({ stack, steps, words, schema: backupSchema });
      return { code, result, text: backupText(result, code, stack) };
    },
  });
}

/** A backup that was made, as people read it. */
export function backupText(backup: BackupRecord, code: number, stack: string): string {
  const { label, type, artifacts, faults } = backup;
  const seconds = (Date.parse(backup.endedAt) - Date.parse(backup.startedAt)) / 1000;
  const lines = facts([
    ["Backup", `${label} (${type === "full" ? "full" : "incremental"}), in ${formatSpan(seconds)}`],
    [
      "Database",
      `${formatBytes(backup.databaseBytes)}, ${formatBytes(backup.addedBytes)} added; ${counted(backup.jobs, "job")}, level ${backup.migrationLevel}`,
    ],
    ["Redis", formatBytes(backup.redisBytes)],
    ["Artifacts", `${artifacts.count}, ${formatBytes(artifacts.bytes)}, ${formatBytes(artifacts.addedBytes)} added`],
    ["Lies in", backup.repositories.join(", ")],
    ...faults.map((fault) => ["Fault", fault] as const),
  ]);
  const advice =
    code === EXIT.notGood
      ? `\nIt does not count as good. Where the key is kept nowhere else, export it and verify the export once:\n` +
        `  ./slipway keys export --to FILE${stackOption(stack)} && ./slipway keys verify --from FILE${stackOption(stack)}\n`
      : "";
  return `\n${lines}${advice}`;
}
