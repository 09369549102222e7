import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { narrowedGoMod } from "./aws/narrow.ts";
import { unknownDifferences } from "./aws/sdk-differences.ts";
import { readAwsSchema } from "./aws/sdk-shape.ts";
import { AWS_SERVICES } from "./aws/services.ts";
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
  /** Packages that are built: the only one under the program's name, several each under its own. */
  readonly packages: readonly string[];
  readonly tags?: string;
  /** Plugins: package of the Node SDK. The program writes a schema that a second build embeds. */
  readonly sdk?: string;
  /** The services of upstream's AWS provider that the program is built with: all of them take an hour. */
  readonly services?: readonly string[];
  /** Module whose version the program says for its own, and the variable that holds it. */
  readonly version?: { readonly module: string; readonly variable: string };
  /** Files of a module, by their paths in it, that the program needs where it runs. They come beside it, in the folder `files`. */
  readonly files?: { readonly module: string; readonly paths: readonly string[] };
}

const ENGINE_MODULE = "github.com/pulumi/pulumi/pkg/v3";
const KUBERNETES_MODULE = "k8s.io/kubernetes";
const KEDA_MODULE = "github.com/kedacore/keda/v2";
const KWOK_MODULE = "sigs.k8s.io/kwok";

/** The programs that can be made from Go modules: Pulumi's where no official build can be had, and those that tests need. */
export const GO_PROGRAMS = {
  pulumi: {
    folder: "engine",
    packages: [`${ENGINE_MODULE}/cmd/pulumi`],
    version: { module: ENGINE_MODULE, variable: "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version" },
  },
  "pulumi-language-nodejs": { folder: "nodehost", packages: ["."] },
  "pulumi-resource-aws": { folder: "aws", packages: ["."], sdk: "@pulumi/aws", services: AWS_SERVICES },
  "pulumi-resource-docker": { folder: "docker", packages: ["."], tags: "no_compose", sdk: "@pulumi/docker" },
  "pulumi-resource-random": { folder: "random", packages: ["."], sdk: "@pulumi/random" },
  kubernetes: {
    folder: "kubernetes",
    packages: ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"].map(
      (name) => `${KUBERNETES_MODULE}/cmd/${name}`,
    ),
    version: { module: KUBERNETES_MODULE, variable: "k8s.io/component-base/version.gitVersion" },
  },
  coredns: { folder: "coredns", packages: ["."] },
  pause: { folder: "pause", packages: ["."] },
  // A stand-in: the image's program has to have that name.
  "cluster-autoscaler": { folder: "autoscaler", packages: ["."] },
  keda: {
    folder: "keda",
    packages: ["operator", "adapter"].map((name) => `${KEDA_MODULE}/cmd/${name}`),
    version: { module: KEDA_MODULE, variable: `${KEDA_MODULE}/version.Version` },
    // Every kind: the operator watches all of them.
    files: { module: KEDA_MODULE, paths: ["config/crd/bases/*.yaml"] },
  },
  kwok: {
    folder: "kwok",
    packages: [`${KWOK_MODULE}/cmd/kwok`],
    // What a simulated node and its pods go through: ready at once, and well until they are deleted.
    files: {
      module: KWOK_MODULE,
      paths: ["node/fast/node-", "node/heartbeat-with-lease/node-", "pod/fast/pod-"].map(
        (start) => `kustomize/stage/${start}*.yaml`,
      ),
    },
  },
  actionlint: { folder: "actionlint", packages: ["github.com/rhysd/actionlint/cmd/actionlint"] },
  "metrics-server": {
    folder: "metrics-server",
    packages: ["sigs.k8s.io/metrics-server/cmd/metrics-server"],
  },
} as const satisfies Record<string, GoProgram>;

export type GoProgramName = keyof typeof GO_PROGRAMS;

/** Version of the engine that is built. */
export function engineVersion({ root }: Folders): string {
  return moduleVersion(root, GO_PROGRAMS.pulumi, ENGINE_MODULE);
}

function moduleVersion(root: string, program: GoProgram, module: string): string {
  const text = readFileSync(join(moduleFolder(root, program), "go.mod"), "utf8");
  const version = new RegExp(`^(?:\\s*|require )${module} (v\\S+)`, "m").exec(text)?.[1];
  if (version === undefined) throw new Error(`toolchain/go/${program.folder}/go.mod does not name ${module}.`);
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
    const program: GoProgram = GO_PROGRAMS[name];
    const to = program.packages.length === 1 ? join(bin, name) : `${bin}/`;
    await compile(name, folders, { draft, to, report: countPackages(name, report) });
    if (program.files !== undefined)
      await copyFiles(program.files, moduleFolder(folders.root, program), join(bin, "files"));
  });
  return join(built, "bin");
}

async function copyFiles({ module, paths }: NonNullable<GoProgram["files"]>, cwd: string, to: string): Promise<void> {
  const from = (await runCommand("go", ["list", "-m", "-f", "{{.Dir}}", module], { cwd, env: GO_ENVIRONMENT })).trim();
  mkdirSync(to);
  for (const path of paths) {
    const found = globSync(join(from, path));
    if (found.length === 0) throw new Error(`${module} has no file ${path}; mend GO_PROGRAMS in toolchain/go.ts.`);
    // A module's own files are read-only.
    for (const file of found) writeFileSync(join(to, basename(file)), readFileSync(file));
  }
}

interface Target {
  readonly draft: string;
  readonly to: string;
  readonly report: (line: string) => void;
}

const GO_ENVIRONMENT = { CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" };

async function compile(name: GoProgramName, folders: Folders, { draft, to, report }: Target): Promise<void> {
  const program: GoProgram = GO_PROGRAMS[name];
  const cwd = moduleFolder(folders.root, program);
  const goMod = program.services === undefined ? [] : ["-modfile", await narrowedGoMod(cwd, draft, GO_ENVIRONMENT)];
  const build = async (overlay: string[]) => {
    const args = [
      "build",
      ...goMod,
      "-v",
      "-trimpath",
      "-buildvcs=false",
      ...flags(program, folders),
      ...overlay,
      "-o",
      to,
      ...program.packages,
    ];
    await runCommand("go", args, { cwd, env: GO_ENVIRONMENT, onLine: report });
  };
  if (program.sdk === undefined) return build([]);
  // The program embeds its schema and is what writes it: built once with an empty one, then with its own.
  const schema = join(draft, "schema.json");
  const overlay = join(draft, "overlay.json");
  writeFileSync(overlay, JSON.stringify({ Replace: { [join(cwd, "schema.json")]: schema } }));
  writeFileSync(schema, "{}");
  await build(["-overlay", overlay]);
  await runCommand(to, ["--write-schema", schema], { cwd: draft });
  const missing = missingFrom(schema, program, join(folders.root, "node_modules", program.sdk));
  if (missing.length > 0)
    throw new Error(
      `toolchain/go/${program.folder}: the plugin lacks what ${program.sdk} offers: ${missing.join(", ")}.`,
    );
  await build(["-overlay", overlay]);
}

/** The AWS plugin has a part of its SDK: that part is compared in depth. */
function missingFrom(schema: string, { services }: GoProgram, sdk: string): string[] {
  return services === undefined
    ? missingFromSchema(readSchema(schema), sdk)
    : unknownDifferences(readAwsSchema(schema), sdk);
}

function flags(program: GoProgram, folders: Folders): string[] {
  const { version: told } = program;
  const version = told === undefined ? "" : ` -X ${told.variable}=${moduleVersion(folders.root, program, told.module)}`;
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
  const program: GoProgram = GO_PROGRAMS[name];
  const sources = globSync(join(moduleFolder(root, program), "{go.mod,go.sum,*.go}"));
  return {
    cache,
    name,
    key: contentKey(sources, [
      ...[go.version, go.target, ...(program.files?.paths ?? []), ...(program.services ?? [])],
    ]),
  };
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
