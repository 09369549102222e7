import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { EngineAddress } from "./engine.ts";
import type { Folders } from "./folders.ts";
import type { PulumiPrograms } from "./pulumi.ts";

/** Where the states of stacks lie, and what opens their secrets. */
export type StateAccess =
  /** On this machine, under this machine's passphrase. */
  | { readonly passphraseFile: string }
  /** Elsewhere, such as `s3://states`. What opens them is said there: a key of KMS, or `PULUMI_CONFIG_PASSPHRASE_FILE` as the caller has it. */
  | { readonly backend: string };

/** Names a backend that many machines share, as CI does; without it states lie on this machine. */
export const BACKEND = "SLIPWAY_BACKEND_URL";

export interface EnvironmentParts {
  readonly folders: Folders;
  readonly pulumi: PulumiPrograms;
  readonly state: StateAccess;
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
    ...stateEnvironment(parts),
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: join(folders.cache, "compile"),
    ...(engine === undefined || engine.isDefault ? {} : { DOCKER_HOST: engine.host }),
  };
}

function stateEnvironment({ folders, state }: EnvironmentParts): Record<string, string> {
  if ("backend" in state) return { PULUMI_BACKEND_URL: state.backend };
  return {
    PULUMI_BACKEND_URL: pathToFileURL(folders.state).href,
    PULUMI_CONFIG_PASSPHRASE_FILE: state.passphraseFile,
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
