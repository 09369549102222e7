import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { CommandError, runCommand } from "./command.ts";
import type { Folders } from "./folders.ts";
import {
  buildGoProgram,
  engineVersion,
  findBuilt,
  findGo,
  goMissing,
  type GoCompiler,
  type GoProgramName,
} from "./go.ts";
import { findFetched, officialPlugin, officialPulumi, OfficialBuilds } from "./official.ts";
import type { Report, Steps } from "./steps.ts";
import { formatVersion, isAtLeast, parseVersion, type Version } from "./version.ts";

/** The oldest engine that knows everything that the program uses. */
export const LOWEST_ENGINE = [3, 220, 0] as const satisfies Version;

/** The plugins that the program needs; their versions are those of their packages. */
const PLUGINS = ["docker", "random"] as const;

/** A program that was found or made, and how. */
interface Found {
  /** Folder that goes on PATH; nothing where it is found without. */
  readonly bin: string | undefined;
  /** Such as `3.230.0, built before`. */
  readonly how: string;
}

/** Everything that `pulumi up` needs on PATH. */
export interface PulumiPrograms {
  /** Folders for PATH, first ones first. */
  readonly path: readonly string[];
}

/**
 * Finds Pulumi and its plugins, else fetches the official builds, else builds them from Go modules.
 *
 * @throws UserError where none of it is possible, saying what to install
 */
export async function findPulumi(folders: Folders, steps: Steps): Promise<PulumiPrograms> {
  const maker = new Maker(folders, new OfficialBuilds(folders), await findGo());
  const note = (found: readonly Found[]) => found.map(({ how }) => how).join(", ");
  // Fetching of one build and compiling of another overlap; the compiler itself fills the processors.
  const [engine, plugins] = await Promise.all([
    steps.run("Pulumi", (report) => maker.engine(report), note),
    steps.run(
      "Pulumi plugins",
      async (report) => {
        const found: Found[] = [];
        for (const plugin of PLUGINS) found.push(await maker.plugin(plugin, report));
        return found;
      },
      note,
    ),
  ]);
  return { path: [...new Set([...engine, ...plugins].flatMap(({ bin }) => bin ?? []))] };
}

class Maker {
  readonly #folders: Folders;
  readonly #official: OfficialBuilds;
  readonly #go: GoCompiler | undefined;

  constructor(folders: Folders, official: OfficialBuilds, go: GoCompiler | undefined) {
    this.#folders = folders;
    this.#official = official;
    this.#go = go;
  }

  /** Engine and language host. */
  async engine(report: Report): Promise<Found[]> {
    const installed = await findInstalled(this.#folders);
    if (installed) return [installed];
    const build = officialPulumi(packageVersion(this.#folders, "pulumi"));
    const bin = findFetched(build, this.#folders) ?? (await this.#fetchUnlessBuilt("pulumi", build, report));
    if (bin !== undefined) return [{ bin, how: `${packageVersion(this.#folders, "pulumi")}, official build` }];
    return [
      { bin: await this.#build("pulumi", report), how: `${engineVersion(this.#folders)}, built from Go modules` },
      { bin: await this.#build("pulumi-language-nodejs", report), how: "with its Node host" },
    ];
  }

  async plugin(plugin: (typeof PLUGINS)[number], report: Report): Promise<Found> {
    const version = packageVersion(this.#folders, plugin);
    if (isInstalledPlugin(plugin, version)) return { bin: undefined, how: `${plugin} ${version}` };
    const build = officialPlugin(plugin, version);
    const name = `pulumi-resource-${plugin}` as const;
    const bin = findFetched(build, this.#folders) ?? (await this.#fetchUnlessBuilt(name, build, report));
    if (bin !== undefined) return { bin, how: `${plugin} ${version}, official build` };
    return { bin: await this.#build(name, report), how: `${plugin} ${version}, built from Go modules` };
  }

  /** What was built before is taken at once: the network is not asked each time. */
  async #fetchUnlessBuilt(name: GoProgramName, build: Parameters<OfficialBuilds["fetch"]>[0], report: Report) {
    const isBuilt = this.#go !== undefined && findBuilt(name, this.#folders, this.#go) !== undefined;
    return isBuilt ? undefined : this.#official.fetch(build, report);
  }

  async #build(name: GoProgramName, report: Report): Promise<string> {
    if (!this.#go) throw goMissing(name);
    return buildGoProgram(name, this.#folders, this.#go, report);
  }
}

/** A Pulumi on PATH that is new enough and has its Node host; what lies in our cache is not counted. */
async function findInstalled(folders: Folders): Promise<Found | undefined> {
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.startsWith(folders.cache));
  const bin = path.find((folder) => isExecutable(join(folder, "pulumi")));
  if (bin === undefined || !path.some((folder) => isExecutable(join(folder, "pulumi-language-nodejs"))))
    return undefined;
  try {
    const answer = await runCommand(join(bin, "pulumi"), ["version"], { env: { PULUMI_SKIP_UPDATE_CHECK: "true" } });
    const version = parseVersion(answer);
    return version && isAtLeast(version, LOWEST_ENGINE)
      ? { bin: undefined, how: `${formatVersion(version)}, installed` }
      : undefined;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Whether Pulumi's own folder has the plugin in the version that the program asks for. */
function isInstalledPlugin(plugin: string, version: string): boolean {
  const home = process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi");
  const folder = join(home, "plugins", `resource-${plugin}-v${version}`);
  return isExecutable(join(folder, `pulumi-resource-${plugin}`)) && !existsSync(`${folder}.partial`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Version of a package of Pulumi's as it is installed: the engine's and the plugins' go with it. */
function packageVersion({ root }: Folders, name: string): string {
  const path = join(root, "node_modules/@pulumi", name, "package.json");
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { version?: unknown };
  if (typeof version !== "string") throw new Error(`${dirname(path)} has no version; run: npm ci`);
  return version;
}
