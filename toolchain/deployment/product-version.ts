import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CommandError, runCommand } from "../command.ts";

/** What is deployed from a checkout. */
export interface ProductVersion {
  /** `0.1.0+1a2b3c4d5e6f`, with `.dirty` behind it where files differ from the commit; `0.1.0` where there is no git. */
  readonly version: string;
  readonly commit?: string;
  readonly isDirty: boolean;
}

const packageSchema = z.looseObject({ version: z.string() });

/** The package's version and the commit of a checkout. A stack's own file does not count: a deploy writes there which images run. */
export async function productVersion(root: string): Promise<ProductVersion> {
  const { version } = packageSchema.parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  const commit = await git(root, "rev-parse", "--short=12", "HEAD");
  if (commit === undefined) return { version, isDirty: false };
  const changed = await git(root, "status", "--porcelain", "--", ":/", ":(exclude,glob)Pulumi.*.yaml");
  const isDirty = changed !== "";
  return { version: `${version}+${commit}${isDirty ? ".dirty" : ""}`, commit, isDirty };
}

async function git(root: string, ...args: string[]): Promise<string | undefined> {
  try {
    return (await runCommand("git", args, { cwd: root })).trim();
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}
