import { parseJson } from "../configs/json.ts";
import { existsSync, linkSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";

/** A key as it is kept elsewhere: closed by a passphrase, and saying what it is to whoever finds it years later. */
const keyFileSchema = z.object({
  what: z.literal("slipway backup key"),
  version: z.literal(1),
  stack: z.string(),
  keyId: z.string(),
  exportedAt: z.iso.datetime(),
  /** What the agent has closed; it alone opens it. */
  sealed: z.string().min(1),
});
export type KeyFile = z.infer<typeof keyFileSchema>;

/**
 * Refuses a place where no export can go, before anybody is asked for a passphrase.
 *
 * @throws UserError where something is there already, or there is no such folder
 */
export function checkFree(path: string): void {
  if (existsSync(path))
    throw new UserError(
      `${path} is there already, and nothing is written over it. Name another file, or move that one away.`,
      EXIT.usage,
    );
  const folder = dirname(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UserError(`${folder} is no folder. Make it, or name a file in another: mkdir -p ${folder}`, EXIT.usage);
}

/** Writes an export, whole or not at all, mode 0600, over nothing. */
export function writeKeyFile(path: string, key: Omit<KeyFile, "what" | "version">): void {
  const draft = `${path}.${process.pid}.draft`;
  const content: KeyFile = { what: "slipway backup key", version: 1, ...key };
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: "wx", flush: true });
  try {
    linkSync(draft, path);
  } catch (error) {
    checkFree(path);
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

/** @throws UserError where that is no whole export */
export function readKeyFile(path: string): KeyFile {
  if (!existsSync(path))
    throw new UserError(
      `${path}: there is no such file. Export the key first: ./slipway keys export --to FILE`,
      EXIT.usage,
    );
  const parsed = keyFileSchema.safeParse(parseJson(readFileSync(path, "utf8")));
  if (parsed.success) return parsed.data;
  throw new UserError(
    `${path} is no whole export of a key: ${z.prettifyError(parsed.error)}\nExport it again, into another file: ./slipway keys export --to FILE`,
    EXIT.notGood,
  );
}
