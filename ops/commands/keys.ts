import { EXIT } from "../../backup/protocol.ts";
import { UserError } from "../../toolchain/command.ts";
import { escrowSchema } from "../agent-messages.ts";
import { askAgent } from "../asking.ts";
import { importKey } from "../key-import.ts";
import { givenPath } from "../given-path.ts";
import { checkFree, readKeyFile, writeKeyFile } from "../key-file.ts";
import { PASSPHRASE_FILE_VARIABLE, passphraseSource, readPassphrase } from "../key-passphrase.ts";
import { stackOption } from "../restore-run.ts";
import { runOps, type Asked, type Said } from "../run-ops.ts";

const OPTIONS = { to: { type: "string" }, from: { type: "string" }, "passphrase-file": { type: "string" } } as const;
type KeysAsked = Asked<typeof OPTIONS>;

const ACTIONS = { export: exportKey, verify: verifyKey, import: takeKey } as const;

export function run(): Promise<void> {
  return runOps({
    name: "keys",
    platforms: ["docker", "kubernetes"],
    summary:
      "export: writes the key that opens the backups into a file, closed by a passphrase, to be kept elsewhere. verify: opens such a file and compares. " +
      "Until that was done once, no backup counts as good: a host that is lost takes its key along. import: gives the key to a stack that is made anew elsewhere, " +
      "before its first make up.",
    options: OPTIONS,
    optionLines: [
      "export --to FILE           a file that is not there yet; its mode is 0600",
      "verify --from FILE         an export",
      "import --from FILE         an export; it goes into the stack's file, encrypted",
      "--passphrase-file FILE     has the passphrase, mode 0600; otherwise it is asked for, and not shown",
      `${PASSPHRASE_FILE_VARIABLE}=FILE  the same`,
    ],
    examples: [
      "./slipway keys export --to ~/slipway-dev.key",
      "./slipway keys verify --from ~/slipway-dev.key",
      "./slipway keys verify --from key --passphrase-file passphrase --json",
      "./slipway keys import --from ~/slipway-dev.key && make up && ./slipway restore --to latest",
    ],
    words: 1,
    run: async (asked) => {
      const [action = ""] = asked.words;
      if (!isAction(action))
        throw new UserError(
          `slipway keys takes ${Object.keys(ACTIONS).join(", ")}, got ${JSON.stringify(action)}. See: ./slipway keys --help`,
          EXIT.usage,
        );
      return ACTIONS[action](asked);
    },
  });
}

function isAction(word: string): word is keyof typeof ACTIONS {
  return Object.hasOwn(ACTIONS, word);
}

async function exportKey({ stack, values, steps }: KeysAsked): Promise<Said> {
  const path = named(values.to, "export", "--to");
  checkFree(path);
  const passphrase = await readPassphrase(passphraseSource(passphraseFile(values["passphrase-file"]), true));
  const { code, result } = await askAgent({
    ...{ stack, steps, words: ["escrow", "export"], schema: escrowSchema },
    input: JSON.stringify({ passphrase }),
  });
  if (result.sealed === undefined)
    throw new UserError(`The agent has not given the key out; nothing was written.`, code === 0 ? 1 : code);
  const { keyId, sealed } = result;
  writeKeyFile(path, { stack, keyId, exportedAt: new Date().toISOString(), sealed });
  const text =
    `\nThe key ${keyId} is in ${path}, closed by the passphrase. Keep the file and the passphrase apart, and both away from this host.\n` +
    `It counts once that file was opened again: ./slipway keys verify --from ${path}${stackOption(stack)}\n`;
  return { code, result: { keyId, file: path, isVerified: result.isVerified }, text };
}

async function verifyKey({ stack, values, steps }: KeysAsked): Promise<Said> {
  const path = named(values.from, "verify", "--from");
  const { sealed } = readKeyFile(path);
  const passphrase = await readPassphrase(passphraseSource(passphraseFile(values["passphrase-file"]), false));
  const { code, result } = await askAgent({
    ...{ stack, steps, words: ["escrow", "verify"], schema: escrowSchema },
    input: JSON.stringify({ passphrase, sealed }),
  });
  const { keyId, isVerified } = result;
  const text = isVerified
    ? `\n${path} opens, and has the key ${keyId} that the backups of ${stack} are closed with. That is noted beside them.\n`
    : `\n${path} opens, and has another key than the one that the backups of ${stack} are closed with, ${keyId}.\n`;
  return {
    code: isVerified || code !== EXIT.good ? code : EXIT.notGood,
    result: { keyId, file: path, isVerified },
    text,
  };
}

async function takeKey({ stack, values, steps }: KeysAsked): Promise<Said> {
  const path = named(values.from, "import", "--from");
  const file = readKeyFile(path);
  const passphrase = await readPassphrase(passphraseSource(passphraseFile(values["passphrase-file"]), false));
  return importKey({ stack, steps, file, path, passphrase });
}

function named(file: string | undefined, action: string, option: string): string {
  if (file === undefined || file === "")
    throw new UserError(`slipway keys ${action} has to know the file: ${option} FILE`, EXIT.usage);
  return givenPath(file);
}

function passphraseFile(option: string | undefined): string | undefined {
  const file = option ?? process.env[PASSPHRASE_FILE_VARIABLE];
  return file === undefined || file === "" ? undefined : givenPath(file);
}
