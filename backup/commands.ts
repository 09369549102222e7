import type { Agent } from "./agent.ts";
import type { Command } from "./command-line.ts";
import { takeLock } from "./lock.ts";
import { planRestore } from "./plan.ts";
import { backUpPostgres } from "./postgres-backup.ts";
import { EXIT, type FailureEvent, type ResultEvent } from "./protocol.ts";
import { restore } from "./restore.ts";

/** How a command ended: its last line, and the exit status. */
export interface Answer {
  readonly exit: number;
  readonly event: ResultEvent<unknown> | FailureEvent;
}

export async function runCommand(agent: Agent, command: Exclude<Command, { is: "serve" | "help" }>): Promise<Answer> {
  switch (command.is) {
    case "backup": {
      const lock = await takeLock(`${agent.config.BACKUP_REPOSITORY_DIR}/backup.lock`, "backup");
      try {
        return good(await backUpPostgres(agent, command.isFull ? "full" : "incr"));
      } finally {
        await lock.release();
      }
    }
    case "plan":
      return good(await planRestore(agent, command.target));
    case "restore":
      return good(
        await restore({
          agent,
          target: command.target,
          folder: agent.config.POSTGRES_DATA_DIR,
          countMissing: async () => 0,
        }),
      );
    default:
      throw new Error("not yet");
  }
}

function good(result: unknown): Answer {
  return { exit: EXIT.good, event: { event: "result", result } };
}
