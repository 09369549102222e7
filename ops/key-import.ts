import { EXIT } from "../backup/protocol.ts";
import { EscrowRefused, openKey } from "../backup/escrow.ts";
import { deriveKeys } from "../backup/keys.ts";
import { FIRST_GENERATION } from "../configs/stack-backup.ts";
import { UserError } from "../toolchain/command.ts";
import type { Steps } from "../toolchain/steps.ts";
import { readGenerations } from "./generations.ts";
import type { KeyFile } from "./key-file.ts";
import { stackOption } from "./restore-run.ts";
import type { Said } from "./run-ops.ts";
import { StackAtHand } from "./stack-at-hand.ts";
import { StackFile } from "./stack-file.ts";

/** Key of the stack's file; configs/stack.ts knows it. */
const KEY = "backupKey";

export interface ImportArgs {
  readonly stack: string;
  readonly steps: Steps;
  readonly file: KeyFile;
  readonly path: string;
  readonly passphrase: string;
}

/**
 * Gives a stack the key that backups of before were closed with: into its file, encrypted. It goes before the first deploy, as a stack that
 * is up has a key of its own, and backups that no other opens.
 *
 * @throws UserError where the export does not open, or the stack has another key
 */
export async function importKey({ stack, steps, file, path, passphrase }: ImportArgs): Promise<Said> {
  const secret = opened(file, path, passphrase);
  const { id: keyId } = deriveKeys(secret);
  const at = new StackAtHand(stack, steps);
  const pulumi = await at.stack();
  const own = await ownKey(at);
  const result = { keyId, file: path };
  const next = `./slipway restore --to latest${stackOption(stack)}`;
  if (own === secret) return { code: EXIT.good, result, text: `\n${stack} has the key ${keyId} already.\n` };
  if (own !== undefined)
    throw new UserError(
      `${stack} has another key already, ${deriveKeys(own).id}, and ${path} has ${keyId}; nothing was changed. ` +
        `What was backed up since opens with that one alone. To begin anew with the one of ${path}: make down STACK=${stack}, which deletes the stack's data, then this again.`,
      EXIT.usage,
    );
  const isNew = !(await pulumi.exists());
  await pulumi.create();
  // Generations of a host that is gone are on no disk of this one.
  if (isNew && readGenerations(stack, at.folders).current !== FIRST_GENERATION) await pulumi.removeConfig("data");
  await pulumi.setSecret(KEY, secret);
  return {
    code: EXIT.good,
    result,
    text: `\nPulumi.${stack}.yaml has the key ${keyId}, encrypted. To bring back what it closed: make up STACK=${stack}, then ${next}\n`,
  };
}

function opened({ sealed, keyId }: KeyFile, path: string, passphrase: string): string {
  try {
    const secret = openKey(sealed, passphrase);
    if (deriveKeys(secret).id === keyId) return secret;
    throw new EscrowRefused(`it holds the key ${deriveKeys(secret).id}, and says that it is ${keyId}`);
  } catch (error) {
    if (!(error instanceof EscrowRefused)) throw error;
    throw new UserError(`${path}: ${error.message}`, EXIT.notGood);
  }
}

/** Of its file, or made by the program at its first deploy. */
async function ownKey(at: StackAtHand): Promise<string | undefined> {
  const pulumi = await at.stack();
  if (!(await pulumi.exists())) {
    if (!new StackFile(at.name).has(KEY)) return undefined;
    await pulumi.create();
  }
  return at.secret(KEY, "backup-key");
}
