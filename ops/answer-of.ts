import type { z } from "zod";
import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import type { AgentSteps } from "./agent-steps.ts";
import type { Lines } from "../toolchain/lines.ts";
import { Reading, type Answer } from "./reading.ts";

/** What a program of the backup agent is called with, and what its answer must be. */
export interface Asked<T> {
  /** Its words, for messages. */
  readonly command: string;
  readonly schema: z.ZodType<T>;
  /** Shows how far it is. */
  readonly shown: AgentSteps;
}

/**
 * Reads what the agent's program says, with its steps shown meanwhile.
 *
 * @param follow hands on what it says, and gives its exit code
 * @param check  looks at the answer before the steps are said to be done
 * @throws UserError with its message, and whatever `check` throws
 */
export async function readAnswer<T>(
  { command, schema, shown }: Asked<T>,
  follow: (to: Lines) => Promise<number>,
  check: (answer: Answer<T>) => void = () => undefined,
): Promise<Answer<T>> {
  const reading = new Reading(command, schema, (event) => {
    shown.take(event);
  });
  try {
    const code = await follow({
      onLine: (line) => {
        reading.line(line);
      },
      onLogLine: (line) => {
        reading.logLine(line);
      },
    });
    const answer = reading.end(code);
    check(answer);
    shown.end();
    return answer;
  } catch (error) {
    shown.end(true);
    throw error;
  }
}

/**
 * The answer of a container that does one thing of a restore.
 *
 * @param follow hands on what it says, and gives its exit code
 * @throws UserError with its message, or where what it did is not good
 */
export async function answerOf<T>(asked: Asked<T>, follow: (to: Lines) => Promise<number>): Promise<T> {
  const { result } = await readAnswer(asked, follow, (answer) => {
    if (answer.code !== EXIT.good)
      throw new UserError(`What was restored is not good: ${JSON.stringify(answer.result)}`, answer.code);
  });
  return result;
}
