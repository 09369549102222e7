import { EXIT, type VerifyResult } from "../../backup/protocol.ts";
import { UserError } from "../../toolchain/command.ts";
import { verifySchema } from "../agent-messages.ts";
import { askAgent } from "../asking.ts";
import { counted } from "../quantities.ts";
import { runOps } from "../run-ops.ts";
import { table } from "../table.ts";

export function run(): Promise<void> {
  return runOps({
    name: "verify",
    platforms: ["docker", "kubernetes"],
    summary:
      "reads every byte of one backup or of all, of the archive and of the mirror, and checks it. Ends with 3 where anything is damaged, cut off, missing, " +
      "somebody else's or closed with another key.",
    options: {},
    optionLines: ["LABEL          one of `slipway backups`; otherwise all"],
    examples: ["./slipway verify", "./slipway verify 20261129-023000F", "./slipway verify --json"],
    words: 1,
    run: async ({ stack, words: [label], steps }) => {
      if (label !== undefined && !/^\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?$/.test(label))
        throw new UserError(
          `${JSON.stringify(label)} is no label of a backup; one looks like 20261129-023000F. List them: ./slipway backups`,
          EXIT.usage,
        );
      const words = ["verify", ...(label === undefined ? [] : [label])];
      const { code, result } = await askAgent({ stack, steps, words, schema: verifySchema });
      return { code, result, text: verifyText(result) };
    },
  });
}

/** What was found, as people read it: a line a fault, and those that are good. */
export function verifyText({ sets, faults }: VerifyResult): string {
  const lines = [
    ...sets.flatMap(({ label, faults: own }) =>
      own.length === 0 ? [{ where: label, state: "good" }] : own.map((state) => ({ where: label, state })),
    ),
    ...faults.map((state) => ({ where: "repository", state })),
  ];
  const bad = sets.filter(({ faults: own }) => own.length > 0).length;
  const sum =
    bad + faults.length === 0
      ? `${counted(sets.length, "backup")} read to the end; nothing is wrong.\n`
      : `${bad} of ${counted(sets.length, "backup")} not good, ${counted(faults.length, "fault")} of the repository as a whole.\n`;
  const columns = [
    { head: "WHERE", cell: ({ where }: (typeof lines)[number]) => where },
    { head: "STATE", cell: ({ state }: (typeof lines)[number]) => state },
  ];
  return `${table(columns, lines)}\n${sum}`;
}
