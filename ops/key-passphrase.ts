import { readFileSync, statSync } from "node:fs";
import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { askSecret } from "./ask-secret.ts";

/** Names a file with the passphrase, for where nobody is at a terminal. */
export const PASSPHRASE_FILE_VARIABLE = "SLIPWAY_KEY_PASSPHRASE_FILE";

/** Characters that a passphrase must have; the agent, which has rules besides, asks for as many. */
export const PASSPHRASE_LEAST = 16;

export interface PassphraseSource {
  /** A file that has it. */
  readonly file: string | undefined;
  /** Whether it is asked for twice: where a new one is chosen. */
  readonly isNew: boolean;
  readonly isTerminal: boolean;
  readonly ask: (question: string) => Promise<string>;
}

/** Where this process has a passphrase from. */
export function passphraseSource(file: string | undefined, isNew: boolean): PassphraseSource {
  return {
    file,
    isNew,
    isTerminal: process.stdin.isTTY && process.stderr.isTTY,
    ask: (question) => askSecret(question),
  };
}

/**
 * The passphrase of an exported key. It never stands on a command line, where every process of the machine could read it.
 *
 * @throws UserError where there is none, or it is too short, or the two differ
 */
export async function readPassphrase({ file, isNew, isTerminal, ask }: PassphraseSource): Promise<string> {
  if (file !== undefined) return long(fromFile(file), file);
  if (!isTerminal)
    throw new UserError(
      `Nobody is at a terminal to be asked for the passphrase. Name a file that has it: --passphrase-file FILE, or ${PASSPHRASE_FILE_VARIABLE}.`,
      EXIT.usage,
    );
  const first = long(
    await ask(isNew ? "Passphrase for the exported key: " : "Passphrase of the exported key: "),
    "the passphrase",
  );
  if (isNew && (await ask("The same again: ")) !== first)
    throw new UserError("The two passphrases differ; nothing was written. Run this again.", EXIT.failed);
  return first;
}

function fromFile(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new UserError(`${path}: there is no such file to read the passphrase from.`, EXIT.usage);
  if ((stat.mode & 0o077) !== 0)
    throw new UserError(
      `${path} has mode 0${(stat.mode & 0o777).toString(8)}, so others can read it; allowed is 0600. Run: chmod 600 ${path}`,
      EXIT.usage,
    );
  return readFileSync(path, "utf8").replace(/\r?\n$/, "");
}

function long(passphrase: string, where: string): string {
  const { length } = passphrase.normalize("NFKC");
  if (length >= PASSPHRASE_LEAST) return passphrase;
  throw new UserError(`${where} has ${length} characters, must have at least ${PASSPHRASE_LEAST}.`, EXIT.usage);
}
