import { join } from "node:path";
import { cachedFolder, contentKey, fillCache, isCached } from "./cache.ts";
import { CommandError, runCommand, UserError } from "./command.ts";
import type { Folders } from "./folders.ts";

/** A Python environment with exactly the packages of a file. */
export interface PythonEnvironment {
  /** Its interpreter. */
  readonly python: string;
  /** A script that one of its packages brings. Run it by the interpreter: environments are moved once they are complete. */
  script(name: string): string;
}

/**
 * Makes an environment in the cache, unless one with these packages is there.
 *
 * @param name         such as `python-fuzz`
 * @param requirements path of a file that pins every package, as `pip freeze` writes it
 * @throws UserError where there is no Python with venv; CommandError when a package cannot be fetched
 */
export async function pythonEnvironment(
  { cache }: Pick<Folders, "cache">,
  name: string,
  requirements: string,
): Promise<PythonEnvironment> {
  const cached = await placeOf(cache, name, requirements);
  if (!isCached(cached)) await fillCache(cached, (folder) => install(folder, requirements));
  return environmentIn(cached);
}

/** The same where it is in the cache already; nothing is made. */
export async function installedEnvironment(
  { cache }: Pick<Folders, "cache">,
  name: string,
  requirements: string,
): Promise<PythonEnvironment | undefined> {
  const cached = await placeOf(cache, name, requirements);
  return isCached(cached) ? environmentIn(cached) : undefined;
}

async function placeOf(cache: string, name: string, requirements: string) {
  return { cache, name, key: contentKey([requirements], [await pythonVersion()]) };
}

function environmentIn(cached: Parameters<typeof cachedFolder>[0]): PythonEnvironment {
  const bin = join(cachedFolder(cached), "bin");
  return { python: join(bin, "python"), script: (script) => join(bin, script) };
}

async function install(folder: string, requirements: string): Promise<void> {
  await python(["-m", "venv", folder]);
  await runCommand(join(folder, "bin/python"), [
    ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement", requirements],
  ]);
}

async function pythonVersion(): Promise<string> {
  return python(["--version"]);
}

async function python(args: readonly string[]): Promise<string> {
  try {
    return await runCommand("python3", args);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new UserError(`Python 3.11 or newer with venv is needed: apt-get install python3-venv\n${error.message}`);
  }
}
