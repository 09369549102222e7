import type { BackupRecord, ListResult } from "../../backup/protocol.ts";
import { listSchema } from "../agent-messages.ts";
import { askAgent } from "../asking.ts";
import { formatBytes, formatSpan, formatTime } from "../quantities.ts";
import { stackOption } from "../restore-run.ts";
import { runOps } from "../run-ops.ts";
import { table, type Column } from "../table.ts";

export function run(): Promise<void> {
  return runOps({
    name: "backups",
    platforms: ["docker", "kubernetes"],
    summary: "lists the backups, the moments that can be restored, and whether the key is kept elsewhere.",
    options: {},
    optionLines: [],
    examples: ["./slipway backups", "./slipway backups --json | jq -r '.result.backups[-1].label'"],
    run: async ({ stack, steps }) => {
      const { code, result } = await askAgent({ stack, steps, words: ["list"], schema: listSchema });
      return { code, result, text: listText(result, stack) };
    },
  });
}

const COLUMNS: readonly Column<BackupRecord>[] = [
  { head: "LABEL", cell: ({ label }) => label },
  { head: "ENDED", cell: ({ endedAt }) => formatTime(endedAt) },
  { head: "DATABASE", cell: ({ databaseBytes }) => formatBytes(databaseBytes), align: "right" },
  {
    head: "ADDED",
    cell: ({ addedBytes, artifacts }) => formatBytes(addedBytes + artifacts.addedBytes),
    align: "right",
  },
  { head: "ARTIFACTS", cell: ({ artifacts }) => String(artifacts.count), align: "right" },
  { head: "JOBS", cell: ({ jobs }) => String(jobs), align: "right" },
  { head: "LEVEL", cell: ({ migrationLevel }) => String(migrationLevel), align: "right" },
  { head: "IN", cell: ({ repositories }) => repositories.join(", ") },
  { head: "STATE", cell: ({ faults }) => (faults.length === 0 ? "good" : faults.join("; ")) },
];

/** The list, as people read it. */
export function listText({ backups, key, archive }: ListResult, stack: string): string {
  const list = backups.length === 0 ? "There is no backup yet. Make one: ./slipway backup\n" : table(COLUMNS, backups);
  const first = backups
    .map(({ endedAt }) => endedAt)
    .reduce((a, b) => (Date.parse(b) < Date.parse(a) ? b : a), "9999-12-31T00:00:00Z");
  const reach =
    archive.reachesTo === undefined || backups.length === 0
      ? ""
      : `\nEvery moment from ${formatTime(first)} to ${formatTime(archive.reachesTo)} can be restored` +
        `${archive.behindSeconds === undefined ? "" : `; the archive is ${formatSpan(archive.behindSeconds)} behind`}.\n`;
  const escrow = key.isEscrowed
    ? `The key ${key.id} is kept elsewhere: it was exported and verified.\n`
    : `The key ${key.id} is kept nowhere else, so that nothing of this counts as good: without it no backup opens.\n` +
      `  ./slipway keys export --to FILE${stackOption(stack)} && ./slipway keys verify --from FILE${stackOption(stack)}\n`;
  return `${list}${reach}${escrow}`;
}
