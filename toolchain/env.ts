import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { EngineAddress } from "./engine.ts";
import type { Folders } from "./folders.ts";
import type { PulumiPrograms } from "./pulumi.ts";

export interface EnvironmentParts {
  readonly folders: Folders;
  readonly pulumi: PulumiPrograms;
  readonly passphraseFile: string;
  /** The engine, where it is known. */
  readonly engine?: EngineAddress | undefined;
  /** PATH so far. */
  readonly previousPath: string;
}

/** What Pulumi, its plugins and the program read. Holds no secret: the passphrase is named by its file. */
export function pulumiEnvironment(parts: EnvironmentParts): Record<string, string> {
  const { folders, engine } = parts;
  const ours = [join(folders.root, "node_modules/.bin"), ...parts.pulumi.path];
  // What an older checkout put there must not win over what this one needs.
  const others = parts.previousPath
    .split(delimiter)
    .filter((folder) => !ours.includes(folder) && !folder.startsWith(join(folders.cache, "/")));
  return {
    PATH: [...ours, ...others].join(delimiter),
    PULUMI_HOME: parts.pulumi.home,
    PULUMI_BACKEND_URL: pathToFileURL(folders.state).href,
    PULUMI_CONFIG_PASSPHRASE_FILE: parts.passphraseFile,
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: join(folders.cache, "compile"),
    ...(engine === undefined || engine.isDefault ? {} : { DOCKER_HOST: engine.host }),
  };
}

/** Lines that a POSIX shell evaluates: `export NAME='value'`. */
export function shellExports(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}=${shellQuote(value)}\n`)
    .join("");
}

/** A value as one word of a POSIX shell, whatever it holds. */
export function shellQuote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
