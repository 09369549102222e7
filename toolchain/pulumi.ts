import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { contentKey, fillCache } from "./cache.ts";
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

/** The plugins that every stack needs; their versions are those of their packages. */
const PLUGINS = ["docker", "random", "kubernetes"] as const;

/** Those that stacks of one platform need besides. */
export type PlatformPlugin = "aws";
type Plugin = (typeof PLUGINS)[number] | PlatformPlugin;

/** The Kubernetes plugin of this project, below the checkout: no registry serves the sources of the official one. */
const STAND_IN = "toolchain/plugins/kubernetes";

/** A program that was found or made, and how. */
interface Found {
  /** Folder that holds it; nothing where it is on PATH already. */
  readonly bin: string | undefined;
  /** Such as `3.230.0, installed`. */
  readonly how: string;
}

/** Everything that `pulumi up` needs. */
export interface PulumiPrograms {
  /** Folders for PATH, first ones first. */
  readonly path: readonly string[];
  /** PULUMI_HOME: a folder of Pulumi's with the plugins in it. */
  readonly home: string;
}

/**
 * Finds Pulumi and its plugins, else fetches the official builds, else builds them from Go modules.
 *
 * @param besides plugins that the stack's platform needs @default none
 * @throws UserError where none of it is possible, saying what to install
 */
export async function findPulumi(
  folders: Folders,
  steps: Steps,
  besides: readonly PlatformPlugin[] = [],
): Promise<PulumiPrograms> {
  const maker = new Maker(folders, new OfficialBuilds(folders), await findGo());
  // Fetching of one build and compiling of another overlap; the compiler itself fills the processors.
  const [engine, plugins] = await Promise.all([
    steps.run(
      "Pulumi",
      (report) => maker.engine(report),
      ({ how }) => how,
    ),
    steps.run(
      "Pulumi plugins",
      (report) => maker.plugins([...PLUGINS, ...besides], report),
      (found) => found.map(({ how }) => how).join(", "),
    ),
  ]);
  const home = join(folders.state, "home");
  for (const plugin of plugins) linkPlugin(home, plugin);
  return { path: engine.bin === undefined ? [] : [engine.bin], home };
}

/** A plugin in the version that its package asks for. */
interface FoundPlugin extends Found {
  readonly bin: string;
  readonly name: string;
  readonly version: string;
}

/**
 * Puts a plugin where Pulumi looks for those of its own making. On PATH it would be found too, with a warning at each
 * command; the user's own folder is not for us to write to.
 */
function linkPlugin(home: string, { name, version, bin }: FoundPlugin): void {
  const program = `pulumi-resource-${name}`;
  const folder = join(home, "plugins", `resource-${name}-v${version}`);
  const link = join(folder, program);
  if (readlink(link) === join(bin, program)) return;
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(bin, program), `${link}.${process.pid}`);
  renameSync(`${link}.${process.pid}`, link);
}

function readlink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
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

  /** Engine and language host, in one folder. */
  async engine(report: Report): Promise<Found> {
    const installed = await findInstalled(this.#folders);
    if (installed) return installed;
    const version = packageVersion(this.#folders, "pulumi");
    const build = officialPulumi(version);
    const bin = findFetched(build, this.#folders) ?? (await this.#fetchUnlessBuilt("pulumi", build, report));
    if (bin !== undefined) return { bin, how: `${version}, official build` };
    const parts = [await this.#build("pulumi", report), await this.#build("pulumi-language-nodejs", report)];
    return { bin: await this.#join(parts), how: `${engineVersion(this.#folders)}, built from Go modules` };
  }

  async plugins(names: readonly Plugin[], report: Report): Promise<FoundPlugin[]> {
    const found: FoundPlugin[] = [];
    for (const name of names) found.push(await this.#plugin(name, report));
    return found;
  }

  async #plugin(name: Plugin, report: Report): Promise<FoundPlugin> {
    const version = packageVersion(this.#folders, name);
    const plugin = { name, version };
    const installed = findInstalledPlugin(name, version);
    if (installed !== undefined) return { ...plugin, bin: installed, how: `${name} ${version}, installed` };
    const build = officialPlugin(name, version);
    // Where the engine had to be built, nobody serves an official build of what cannot be built.
    const program = name === "kubernetes" ? "pulumi" : (`pulumi-resource-${name}` as const);
    const bin = findFetched(build, this.#folders) ?? (await this.#fetchUnlessBuilt(program, build, report));
    if (bin !== undefined) return { ...plugin, bin, how: `${name} ${version}, official build` };
    if (name === "kubernetes")
      return { ...plugin, bin: join(this.#folders.root, STAND_IN), how: `${name} ${version}, stand-in` };
    return { ...plugin, bin: await this.#build(program, report), how: `${name} ${version}, built from Go modules` };
  }

  /** Programs of several folders in one: the engine takes a language host that lies beside it for its own. */
  async #join(bins: readonly string[]): Promise<string> {
    const cached = { cache: this.#folders.cache, name: "pulumi-set", key: contentKey([], bins) };
    const folder = await fillCache(cached, async (draft) => {
      mkdirSync(join(draft, "bin"));
      for (const bin of bins) for (const name of readdirSync(bin)) linkSync(join(bin, name), join(draft, "bin", name));
    });
    return join(folder, "bin");
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

/** Folder of a plugin in the user's own Pulumi folder, in the version that the program asks for. */
function findInstalledPlugin(plugin: string, version: string): string | undefined {
  const folder = join(homedir(), ".pulumi/plugins", `resource-${plugin}-v${version}`);
  const isComplete = isExecutable(join(folder, `pulumi-resource-${plugin}`)) && !existsSync(`${folder}.partial`);
  return isComplete ? folder : undefined;
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
