import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse, stringify } from "yaml";
import { saltOf } from "../toolchain/stack-file.ts";
import { pulumi, type Ground } from "./look.ts";
import { openFile, openState } from "./placeholders.ts";

/** Opens placeholders alone, which everybody may know. It is no secret. */
const PASSPHRASE = "placeholders";

/**
 * Lets a stack be looked at where nothing of it may be opened, or where there is none yet: a copy with a state and a file of its own, in
 * which placeholders stand for secrets. The program is the checkout's, and nothing is written there.
 *
 * @param root  the checkout whose program and whose file of the stack are meant
 * @param state as `pulumi stack export` gives it, secrets closed; `undefined` for a stack that is not there
 */
export async function inCopy<T>(
  { stack, env, root, state }: Omit<Ground, "folder"> & { readonly root: string; readonly state: unknown },
  use: (ground: Ground) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-copy-"));
  try {
    const project = join(folder, "project");
    const { content, placeholders } = openFile(stack, parse(readFileSync(join(root, `Pulumi.${stack}.yaml`), "utf8")));
    layOut(root, project);
    writeFileSync(join(project, `Pulumi.${stack}.yaml`), stringify(content));
    const ground = { stack, folder: project, env: { ...env, ...ownState(join(folder, "backend")) } };
    await fill(ground, placeholders, state);
    return await use(ground);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is Pulumi's is left out: it would write into files of stacks. */
function layOut(root: string, project: string): void {
  mkdirSync(project);
  for (const name of readdirSync(root))
    if (name !== ".git" && !/^Pulumi\.(.+\.)?yaml$/.test(name)) symlinkSync(join(root, name), join(project, name));
  writeFileSync(join(project, "Pulumi.yaml"), withoutChance(readFileSync(join(root, "Pulumi.yaml"), "utf8")));
}

/** Names that Pulumi makes have digits by chance: of two previews no name would be the same. */
export function withoutChance(projectFile: string): string {
  return projectFile.replaceAll(/\$\{(?:hex|alphanum|string|num)\((\d+)\)\}/g, (_, digits: string) =>
    "0".repeat(Number(digits)),
  );
}

function ownState(backend: string): Record<string, string> {
  mkdirSync(backend);
  return { PULUMI_BACKEND_URL: pathToFileURL(backend).href, PULUMI_CONFIG_PASSPHRASE: PASSPHRASE };
}

async function fill(ground: Ground, placeholders: Readonly<Record<string, string>>, state: unknown): Promise<void> {
  await pulumi(ground, ["stack", "init", "--no-select"]);
  const pairs = Object.entries(placeholders).flatMap(([key, text]) => ["--secret", `${key}=${text}`]);
  if (pairs.length > 0) await pulumi(ground, ["config", "set-all", ...pairs]);
  if (state === undefined) return;
  const salt = saltOf(readFileSync(join(ground.folder, `Pulumi.${ground.stack}.yaml`), "utf8"));
  const path = join(ground.folder, "..", "state.json");
  writeFileSync(path, JSON.stringify(openState(state, salt.replace("encryptionsalt: ", "").trim())));
  await pulumi(ground, ["stack", "import", "--file", path]);
}
