/**
 * Pulumi writes the salt of the passphrase into `Pulumi.<stack>.yaml`, and no option keeps it from that. In the
 * file of a stack that is in git, it would be a change that nobody made: each machine has a passphrase of its own. So git in this
 * checkout looks past that line, by a filter that `.gitattributes` names and `make` sets:
 *
 *   - clean takes the salt away before git compares: git sees every other change and not this one;
 *   - smudge puts it back when git writes the file: else Pulumi would, and git takes a file whose size has changed since
 *     it was last looked at for changed, filter or not.
 *
 * PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER goes with it: where the salt is missing all the same, Pulumi takes the one of the
 * stack's state in place of making a new one that does not fit.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { sharedBackend } from "./backend.ts";
import { CommandError, runCommand } from "./command.ts";
import { shellQuote } from "./env.ts";
import type { Folders } from "./folders.ts";

/** Stacks whose files are in git and belong to every machine; .gitattributes names the same files. */
const SHARED_STACKS: readonly string[] = ["dev", "cluster"];

/** Name of the filter in .gitattributes. */
const FILTER = "slipway-salt";

/** The line that Pulumi writes. */
const SALT = /^encryptionsalt: .*\n?/gm;

/** The salt's line in a stack's file; empty where there is none. */
export function saltOf(text: string): string {
  return text.match(SALT)?.join("") ?? "";
}

/** The text without the salt. */
export function withoutSalt(text: string): string {
  return text.replace(SALT, "");
}

/** Teaches git in this checkout to look past the salts that the shared stacks' files have now. */
export async function hideSalts(folders: Folders): Promise<void> {
  mkdirSync(keptSalts(folders), { recursive: true, mode: 0o700 });
  for (const stack of SHARED_STACKS) keepSalt(stack, folders);
  await setFilter(folders, "clean", "sed -e '/^encryptionsalt: /d'");
  // Git puts the file's name in for %f.
  await setFilter(folders, "smudge", `cat - ${shellQuote(keptSalts(folders))}/%f 2>/dev/null || :`);
  for (const stack of SHARED_STACKS) await refreshIndex(folders, stackFile(stack, folders));
}

/** Keeps what a file has for the time when git writes it again. */
function keepSalt(stack: string, folders: Folders): void {
  const path = stackFile(stack, folders);
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const salt = saltFor(text, stateSalt(stack, folders));
  if (text !== "" && saltOf(text) !== salt) writeFileSync(path, withoutSalt(text) + salt);
  const kept = join(keptSalts(folders), basename(path));
  if (salt === "") rmSync(kept, { force: true });
  else writeFileSync(kept, salt);
}

/**
 * The salt that fits the stack in the backend in use.
 *
 * @param text the file
 * @param own of the state on this machine
 */
function saltFor(text: string, own: string): string {
  const found = saltOf(text);
  if (hasSecrets(text) && found !== "") return found;
  // Of a backend that machines share, Pulumi reads it there; one of this machine's stack of the same name would close it.
  if (sharedBackend() !== undefined) return found === own ? "" : found;
  // A second checkout of a machine whose stack is up, or one that a stack elsewhere was used from: what Pulumi would write is written now.
  return own === "" ? found : own;
}

/** Whether the file has secrets of its own, which no other salt opens. */
function hasSecrets(text: string): boolean {
  return /^\s+secure: /m.test(text);
}

/**
 * Removes a salt that belongs to no stack: the stack is gone, or was another machine's. A file whose own secrets were
 * encrypted with it keeps it, for without it they could not be read any more.
 */
export async function dropSalt(stack: string, folders: Folders): Promise<void> {
  const path = stackFile(stack, folders);
  if (!existsSync(path)) return;
  const text = readFileSync(path, "utf8");
  if (hasSecrets(text) || saltOf(text) === "") return;
  writeFileSync(path, withoutSalt(text));
  await hideSalts(folders);
}

/** Path of a stack's file. */
export function stackFile(stack: string, { root }: Folders): string {
  return join(root, `Pulumi.${stack}.yaml`);
}

/** What a stack's file says; nothing where there is none. @throws YAMLParseError where it is no YAML */
export function readStackFile(stack: string, folders: Folders): unknown {
  const path = stackFile(stack, folders);
  return existsSync(path) ? parse(readFileSync(path, "utf8")) : undefined;
}

const stateSchema = z.object({
  checkpoint: z.object({
    latest: z.object({ secrets_providers: z.object({ state: z.object({ salt: z.string() }) }) }),
  }),
});

/** The salt's line as a stack's state has it; empty where there is no such stack. */
export function stateSalt(stack: string, { state }: Pick<Folders, "state">): string {
  const path = join(state, ".pulumi/stacks/slipway", `${stack}.json`);
  if (!existsSync(path)) return "";
  const parsed = stateSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
  return parsed.success ? `encryptionsalt: ${parsed.data.checkpoint.latest.secrets_providers.state.salt}\n` : "";
}

function keptSalts({ state }: Folders): string {
  return join(state, "salts");
}

async function setFilter(folders: Folders, which: "clean" | "smudge", command: string): Promise<void> {
  const key = `filter.${FILTER}.${which}`;
  if ((await git(folders, "config", "--get", key)) !== command) await git(folders, "config", key, command);
}

/** Where the file differs in its salt alone, git is told to look again; nothing that somebody changed is staged. */
async function refreshIndex(folders: Folders, path: string): Promise<void> {
  const isSame = (await git(folders, "diff", "--quiet", "--", path)) !== undefined;
  if (isSame) await git(folders, "update-index", "--", path);
}

/** What git says; nothing where it fails, as it does outside a checkout. */
async function git({ root }: Folders, ...args: string[]): Promise<string | undefined> {
  try {
    return await runCommand("git", args, { cwd: root });
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}
