import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { z } from "zod";
import { runCommand } from "../command.ts";
import { AWS_SERVICES } from "./services.ts";

/**
 * Upstream's AWS provider brings some 260 services, whose SDKs alone take half an hour to compile. Two of its generated
 * files name them all; with only the lines of the services that are used, the same sources build in a few minutes.
 */

/** Upstream's provider. */
export const AWS_MODULE = "github.com/hashicorp/terraform-provider-aws";
const CLIENTS = "internal/conns/awsclient_gen.go";
const SERVICES = "internal/provider/sdkv2/service_packages_gen.go";
const SERVICE = `${AWS_MODULE}/internal/service/`;
const SDK = "github.com/aws/aws-sdk-go-v2/service/";

/**
 * Makes a narrowed copy of upstream's module, and a go.mod that builds with it.
 *
 * @param folder with the plugin's own go.mod, which says the version
 * @param draft  an existing folder for both
 * @param env    of the Go command
 * @returns path of that go.mod, for `go build -modfile`
 */
export async function narrowedGoMod(
  folder: string,
  draft: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const said = await runCommand("go", ["mod", "download", "-json", AWS_MODULE], { cwd: folder, env });
  const { Dir: module } = z.object({ Dir: z.string() }).parse(JSON.parse(said));
  const copy = join(draft, "upstream");
  narrowModule(module, AWS_SERVICES, copy);
  const goMod = join(draft, "go.mod");
  writeFileSync(goMod, `${readFileSync(join(folder, "go.mod"), "utf8")}\nreplace ${AWS_MODULE} => ${copy}\n`);
  // Go looks for the sums beside it.
  writeFileSync(join(draft, "go.sum"), readFileSync(join(folder, "go.sum")));
  return goMod;
}

/** Folders of upstream's module that every service needs. */
const SHARED = ["internal", "names", "version"];

/**
 * Copies what a provider of some services needs of upstream's module.
 *
 * @param module folder of upstream's module
 * @param services names of folders below internal/service, such as `ec2`
 * @param to folder that is made
 * @throws Error for a service that upstream does not have
 */
export function narrowModule(module: string, services: readonly string[], to: string): void {
  const read = (path: string) => readFileSync(join(module, path), "utf8");
  const packages = read(SERVICES);
  const unknown = services.filter((service) => !packages.includes(`"${SERVICE}${service}"`));
  if (unknown.length > 0) throw new Error(`${SERVICES} has no ${unknown.join(", ")}; mend the list of AWS services.`);
  const { clients, folders } = usedBy(module, services);
  for (const file of ["go.mod", ...sourcesOf(module, folders)]) {
    const target = join(to, file);
    mkdirSync(dirname(target), { recursive: true });
    // Written, not copied: a module's own files are read-only.
    writeFileSync(target, readFileSync(join(module, file)));
  }
  // A service that another one imports is asked for its client too.
  const kept = new Set([...folders].map((folder) => basename(folder)));
  writeFileSync(join(to, SERVICES), withoutServices(packages, kept));
  writeFileSync(join(to, CLIENTS), withoutClients(read(CLIENTS), clients));
}

/** Paths of the files that are compiled or embedded, without the services in none of the folders. */
function sourcesOf(module: string, folders: ReadonlySet<string>): string[] {
  return SHARED.flatMap((folder) => globSync(`${folder}/**/*`, { cwd: module, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith("_test.go"))
    .map((entry) => relative(module, join(entry.parentPath, entry.name)))
    .filter((path) => {
      const service = /^internal\/service\/\w+(?=\/)/.exec(path)?.[0];
      // One package embeds this file of every service.
      return service === undefined || folders.has(service) || path.endsWith("/smarterr.hcl");
    });
}

/** Lines such as `"…/internal/service/acm"` and `acm.ServicePackage(ctx),` of other services are left out. */
function withoutServices(text: string, kept: ReadonlySet<string>): string {
  return withoutLines(text, /^\t"[^"]*\/internal\/service\/(\w+)"$|^\t\t(\w+)\.ServicePackage\(ctx\),$/, kept);
}

/** Imports and the functions that make a client, each `func (c *AWSClient) ACMClient(…) *acm.Client {` up to its `}`. */
function withoutClients(text: string, kept: ReadonlySet<string>): string {
  const functions = /^func \(c \*AWSClient\) \w+\(ctx context\.Context\) \*(\w+)\.Client \{\n[\s\S]*?^\}\n\n?/gm;
  const fewer = text.replace(functions, (whole, name: string) => (kept.has(name) ? whole : ""));
  return withoutLines(fewer, /^\t"[^"]*\/aws-sdk-go-v2\/service\/(\w+)"$/, kept);
}

function withoutLines(text: string, pattern: RegExp, kept: ReadonlySet<string>): string {
  return text
    .split("\n")
    .filter((line) => {
      const found = pattern.exec(line);
      return found === null || kept.has(found[1] ?? found[2] ?? "");
    })
    .join("\n");
}

/** SDK packages and folders of services that the services import, with those that these import in turn. */
function usedBy(module: string, services: readonly string[]): { clients: Set<string>; folders: Set<string> } {
  const clients = new Set<string>();
  const folders = new Set<string>();
  const visit = (folder: string) => {
    if (folders.has(folder)) return;
    folders.add(folder);
    for (const file of globSync(join(module, folder, "*.go"))) {
      if (file.endsWith("_test.go") || file === join(module, CLIENTS)) continue;
      const text = readFileSync(file, "utf8");
      for (const [, name = ""] of text.matchAll(importsBelow(SDK))) clients.add(name);
      for (const [, name = ""] of text.matchAll(importsBelow(SERVICE))) visit(`internal/service/${name}`);
    }
  };
  for (const service of services) visit(`internal/service/${service}`);
  visit("internal/conns");
  return { clients, folders };
}

const importsBelow = (path: string) =>
  new RegExp(`^\\t(?:\\w+ )?"${path.replaceAll(".", "\\.")}(\\w+)(?:/\\w+)*"$`, "gm");
