import type { z } from "zod";
import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import type { AgentSteps } from "./agent-steps.ts";
import type { Lines } from "./exec.ts";
import { Reading } from "./reading.ts";

/**
 * The answer of a container that does one thing of a restore, with its steps shown meanwhile.
 *
 * @param follow hands on what it says, and gives its exit code
 * @throws UserError with its message, or where what it did is not good
 */
export async function answerOf<T>(
  command: string,
  schema: z.ZodType<T>,
  shown: AgentSteps,
  follow: (to: Lines) => Promise<number>,
): Promise<T> {
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
    if (answer.code !== EXIT.good)
      throw new UserError(`What was restored is not good: ${JSON.stringify(answer.result)}`, answer.code);
    shown.end();
    return answer.result;
  } catch (error) {
    shown.end(true);
    throw error;
  }
}
