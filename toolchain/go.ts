import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cachedFolder, contentKey, fillCache, isCached, type Cached } from "./cache.ts";
import { CommandError, runCommand, UserError } from "./command.ts";
import type { Folders } from "./folders.ts";
import { missingFromSchema, readSchema } from "./sdk-coverage.ts";
import type { Report } from "./steps.ts";
import { isAtLeast, parseVersion } from "./version.ts";

/** From 1.21 on, Go fetches the version that go.mod asks for by itself. */
const LOWEST_GO = [1, 21, 0] as const;

interface GoProgram {
  /** Folder below toolchain/go with go.mod, go.sum and sources. */
  readonly folder: string;
  /** Package that is built. */
  readonly package: string;
  readonly tags?: string;
  /** Plugins: package of the Node SDK. The program writes a schema that a second build embeds. */
  readonly sdk?: string;
  /** Variable that is set to the version of the engine's module. */
  readonly versionVariable?: string;
}

const ENGINE_MODULE = "github.com/pulumi/pulumi/pkg/v3";

/** The programs that can be made from Go modules where no official build can be had. */
export const GO_PROGRAMS = {
  pulumi: {
    folder: "engine",
    package: `${ENGINE_MODULE}/cmd/pulumi`,
    versionVariable: "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
  },
  "pulumi-language-nodejs": { folder: "nodehost", package: "." },
  "pulumi-resource-docker": { folder: "docker", package: ".", tags: "no_compose", sdk: "@pulumi/docker" },
  "pulumi-resource-random": { folder: "random", package: ".", sdk: "@pulumi/random" },
} as const satisfies Record<string, GoProgram>;

export type GoProgramName = keyof typeof GO_PROGRAMS;

/** Version of the engine that is built. */
export function engineVersion({ root }: Folders): string {
  const text = readFileSync(join(moduleFolder(root, GO_PROGRAMS.pulumi), "go.mod"), "utf8");
  const version = new RegExp(`^\\s*${ENGINE_MODULE} (v\\S+)`, "m").exec(text)?.[1];
  if (version === undefined) throw new Error(`toolchain/go/engine/go.mod does not name ${ENGINE_MODULE}.`);
  return version;
}

/** Folder of a program that has been built before, if it has. */
export function findBuilt(name: GoProgramName, folders: Folders, go: GoCompiler): string | undefined {
  const cached = describe(name, folders, go);
  return isCached(cached) ? join(cachedFolder(cached), "bin") : undefined;
}

/**
 * Builds a program, or takes the one that was built from the same sources by the same compiler.
 *
 * @param report is told how many packages are compiled so far
 * @returns the folder with the program in it
 */
export async function buildGoProgram(
  name: GoProgramName,
  folders: Folders,
  go: GoCompiler,
  report: Report,
): Promise<string> {
  const built = await fillCache(describe(name, folders, go), async (draft) => {
    const bin = join(draft, "bin");
    mkdirSync(bin);
    await compile(name, folders, { draft, to: join(bin, name), report: countPackages(name, report) });
  });
  return join(built, "bin");
}

interface Target {
  readonly draft: string;
  readonly to: string;
  readonly report: (line: string) => void;
}

async function compile(name: GoProgramName, folders: Folders, { draft, to, report }: Target): Promise<void> {
  const program: GoProgram = GO_PROGRAMS[name];
  const cwd = moduleFolder(folders.root, program);
  const build = async (overlay: string[]) => {
    const args = [
      "build",
      "-v",
      "-trimpath",
      "-buildvcs=false",
      ...flags(program, folders),
      ...overlay,
      "-o",
      to,
      program.package,
    ];
    await runCommand("go", args, { cwd, env: { CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" }, onLine: report });
  };
  if (program.sdk === undefined) return build([]);
  // The program embeds its schema and is what writes it: built once with an empty one, then with its own.
  const schema = join(draft, "schema.json");
  const overlay = join(draft, "overlay.json");
  writeFileSync(overlay, JSON.stringify({ Replace: { [join(cwd, "schema.json")]: schema } }));
  writeFileSync(schema, "{}");
  await build(["-overlay", overlay]);
  await runCommand(to, ["--write-schema", schema], { cwd: draft });
  const missing = missingFromSchema(readSchema(schema), join(folders.root, "node_modules", program.sdk));
  if (missing.length > 0)
    throw new Error(
      `toolchain/go/${program.folder}: the plugin lacks what ${program.sdk} offers: ${missing.join(", ")}.`,
    );
  await build(["-overlay", overlay]);
}

function flags(program: GoProgram, folders: Folders): string[] {
  const version =
    program.versionVariable === undefined ? "" : ` -X ${program.versionVariable}=${engineVersion(folders)}`;
  return ["-ldflags", `-s -w${version}`, ...(program.tags === undefined ? [] : ["-tags", program.tags])];
}

/** `go build -v` prints a line for each package that it compiles, and one for each module that it fetches. */
function countPackages(name: string, report: Report): (line: string) => void {
  let packages = 0;
  let modules = 0;
  return (line) => {
    if (line.startsWith("go: downloading")) modules++;
    else if (!line.includes(" ")) packages++;
    report(`${name}: ${modules > 0 ? `${modules} modules fetched, ` : ""}${packages} packages compiled`);
  };
}

function describe(name: GoProgramName, { root, cache }: Folders, go: GoCompiler): Cached {
  const folder = moduleFolder(root, GO_PROGRAMS[name]);
  const sources = globSync(join(folder, "{go.mod,go.sum,*.go}"));
  return { cache, name, key: contentKey(sources, [go.version, go.target]) };
}

function moduleFolder(root: string, program: GoProgram): string {
  return join(root, "toolchain/go", program.folder);
}

/** The Go compiler of this machine. */
export interface GoCompiler {
  /** Such as `go1.26.8`. */
  readonly version: string;
  /** Such as `linux/amd64`. */
  readonly target: string;
}

/** The Go compiler on PATH, if there is one that is new enough. */
export async function findGo(): Promise<GoCompiler | undefined> {
  try {
    const [version = "", os = "", arch = ""] = (await runCommand("go", ["env", "GOVERSION", "GOOS", "GOARCH"])).split(
      "\n",
    );
    const parsed = parseVersion(version);
    return parsed && isAtLeast(parsed, LOWEST_GO) ? { version, target: `${os}/${arch}` } : undefined;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** What to do on a machine that has neither Pulumi nor the means to make it. */
export function goMissing(what: string): UserError {
  return new UserError(
    `${what} is not on this machine, its official download did not answer within 10 s, and there is no Go 1.21 or newer ` +
      "to build it with.\nEither install Go and run this again, or install Pulumi by its own instructions.",
  );
}
