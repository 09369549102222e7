import { createInterface } from "node:readline/promises";
import { UserError } from "./command.ts";

/** How consent is had. */
export interface Ask {
  /** Whether everybody has said yes already: SLIPWAY_YES=1, or nobody is at a terminal. */
  readonly isYes: boolean;
  /** Puts a question, gives the answer. */
  readonly question: (text: string) => Promise<string>;
}

/** Consent as this process can have it. */
export function askOnTerminal(environment = process.env): Ask {
  return {
    isYes: environment["SLIPWAY_YES"] === "1" || !process.stdin.isTTY || !process.stderr.isTTY,
    question: async (text) => {
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await terminal.question(text);
      } finally {
        terminal.close();
      }
    },
  };
}

/**
 * Asks for a yes; enter alone is one.
 *
 * @throws UserError with `otherwise` after any other answer
 */
export async function confirm(text: string, ask: Ask, otherwise: string): Promise<void> {
  if (ask.isYes) return;
  const answer = await ask.question(`${text} [Y/n] `);
  if (!/^(y(es)?)?$/i.test(answer.trim())) throw new UserError(otherwise);
}
