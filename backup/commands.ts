import { text } from "node:stream/consumers";
import { z } from "zod";
import type { Agent } from "./agent.ts";
import { bringBack } from "./bring-back.ts";
import type { Command } from "./command-line.ts";
import { EscrowRefused, exportKey, verifyKey } from "./escrow.ts";
import { listBackups } from "./list-backups.ts";
import { planRestore } from "./plan.ts";
import { EXIT, type EscrowResult, type FailureEvent, type ResultEvent } from "./protocol.ts";
import { backUp, runDrill } from "./recorded.ts";
import { restore } from "./restore.ts";
import { isGood, verifyAll } from "./verify-all.ts";

/** How a command ended: its last line, and the exit status. */
export interface Answer {
  readonly exit: number;
  readonly event: ResultEvent<unknown> | FailureEvent;
}

/** Commands that end by themselves. */
export type OneOff = Exclude<Command, { readonly is: "serve" | "help" }>;

export async function runCommand(agent: Agent, command: OneOff): Promise<Answer> {
  const { config, context } = agent;
  switch (command.is) {
    case "backup": {
      const record = await backUp(agent, command.isFull ? "full" : "incr");
      return answer(record, record.faults.length === 0);
    }
    case "list":
      return answer(await listBackups(agent, context), true);
    case "verify": {
      const verified = await verifyAll(agent, context, command.label);
      return answer(verified, isGood(verified));
    }
    case "plan":
      return answer(await planRestore(agent, command.target), true);
    case "restore":
      return answer(await restore({ agent, target: command.target, folder: config.POSTGRES_DATA_DIR }), true);
    case "bring-back":
      return answer(await bringBack(agent), true);
    case "drill":
      return answer(await runDrill(agent), true);
    case "escrow":
      return answer(await escrow(agent, command.step), true);
  }
}

function answer(result: unknown, isFine: boolean): Answer {
  return { exit: isFine ? EXIT.good : EXIT.notGood, event: { event: "result", result } };
}

const escrowSchema = z.strictObject({ passphrase: z.string(), sealed: z.string().optional() });

async function escrow({ config, context }: Agent, step: "export" | "verify"): Promise<EscrowResult> {
  const { passphrase, sealed } = readEscrow(await text(process.stdin));
  const secret = config.secrets["backup-key"];
  const { id: keyId } = context.keys;
  if (step === "export") return { keyId, sealed: exportKey(secret, passphrase), isVerified: false };
  if (sealed === undefined)
    throw new EscrowRefused(`escrow verify: standard input has no "sealed"; give what escrow export answered`);
  return { keyId: await verifyKey(context.repositories, secret, sealed, passphrase), isVerified: true };
}

/** Nothing of what was read is in the message: it holds a passphrase. */
function readEscrow(input: string): z.output<typeof escrowSchema> {
  try {
    return escrowSchema.parse(JSON.parse(input));
  } catch {
    throw new EscrowRefused(
      `escrow: standard input is not as it must be; allowed: {"passphrase": "...", "sealed": "..."}`,
    );
  }
}
