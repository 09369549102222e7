import type { ReadStream } from "node:tty";
import { UserError } from "../toolchain/command.ts";

/** A terminal that is read without showing what is typed. */
export type SecretInput = Pick<ReadStream, "isTTY" | "setRawMode" | "on" | "off" | "resume" | "pause">;

export interface SecretTerminal {
  readonly input: SecretInput;
  readonly write: (text: string) => void;
}

const ENTER = /^[\r\n]$/;
/** Backspace, as terminals send it. */
const BACKSPACE = /^[\u007f\b]$/;
const END = new Set(["\u0003", "\u0004"]);

export function processTerminal(): SecretTerminal {
  return { input: process.stdin, write: (text) => process.stderr.write(text) };
}

/**
 * Asks for a text that is not shown.
 *
 * @throws UserError after ^C or ^D
 */
export function askSecret(question: string, { input, write }: SecretTerminal = processTerminal()): Promise<string> {
  write(question);
  input.setRawMode(true);
  input.resume();
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const close = () => {
      input.off("data", take);
      input.setRawMode(false);
      input.pause();
      write("\n");
    };
    /** @returns whether there is more to read */
    const key = (character: string): boolean => {
      if (ENTER.test(character)) {
        close();
        resolve(typed.join(""));
        return false;
      }
      if (END.has(character)) {
        close();
        reject(new UserError("Interrupted; nothing was written.", 130));
        return false;
      }
      typed = BACKSPACE.test(character) ? typed.slice(0, -1) : [...typed, character];
      return true;
    };
    const take = (chunk: Buffer) => {
      for (const character of Array.from(chunk.toString("utf8"))) if (!key(character)) return;
    };
    input.on("data", take);
  });
}
