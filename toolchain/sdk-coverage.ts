import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";

/**
 * Compares a built plugin's schema with the Node SDK that programs are written against: a property that the plugin does
 * not know would be refused or, worse, ignored.
 */

const typeSchema = z.object({ properties: z.record(z.string(), z.unknown()).optional() });
const packageSchema = z.object({
  resources: z.record(z.string(), z.object({ inputProperties: z.record(z.string(), z.unknown()).optional() })),
  types: z.record(z.string(), typeSchema).optional(),
});
export type PackageSchema = z.infer<typeof packageSchema>;

/** Resources of an SDK that upstream's provider does not have: written by hand for the official plugin. */
const OFFICIAL_ONLY = new Set(["Image", "Provider"]);

/** Reads a schema as tfgen writes it. */
export function readSchema(path: string): PackageSchema {
  return packageSchema.parse(JSON.parse(readFileSync(path, "utf8")));
}

/**
 * What the SDK offers and the schema lacks, such as `Container.memory` or `type ContainerHealthcheck.tests`.
 *
 * @param sdk folder of the package, such as `node_modules/@pulumi/docker`
 */
export function missingFromSchema(schema: PackageSchema, sdk: string): string[] {
  const known = new Map(
    Object.entries(schema.resources).map(([token, { inputProperties }]) => [lastName(token), inputProperties ?? {}]),
  );
  const missing: string[] = [];
  for (const [name, properties] of resourceArguments(sdk)) {
    const inputs = known.get(name);
    if (inputs === undefined) missing.push(name);
    else
      missing.push(...properties.filter((property) => !(property in inputs)).map((property) => `${name}.${property}`));
  }
  return [...missing, ...missingTypes(schema, sdk, [...known.keys()])];
}

/** The arguments of every resource, read from its declarations. */
function resourceArguments(sdk: string): [string, string[]][] {
  return globSync(join(sdk, "*.d.ts")).flatMap((file): [string, string[]][] => {
    const text = readFileSync(file, "utf8");
    const name = /^export interface (\w+)Args \{/m.exec(text)?.[1];
    // Functions have arguments too; their files are called get*.
    if (name === undefined || basename(file).startsWith("get") || OFFICIAL_ONLY.has(name)) return [];
    return [[name, interfaceProperties(text, `${name}Args`)]];
  });
}

/** Nested types of the resources that are covered: `ContainerPort` belongs to `Container`. */
function missingTypes(schema: PackageSchema, sdk: string, resources: readonly string[]): string[] {
  const file = join(sdk, "types/input.d.ts");
  if (!existsSync(file)) return [];
  const text = readFileSync(file, "utf8");
  const types = new Map(
    Object.entries(schema.types ?? {}).map(([token, type]) => [lastName(token), type.properties ?? {}]),
  );
  const names = [...text.matchAll(/^export interface (\w+) \{/gm)].flatMap(([, name]) => name ?? []);
  return names
    .filter((name) => resources.some((resource) => name.startsWith(resource)))
    .flatMap((name) => {
      const known = types.get(name);
      if (known === undefined) return [`type ${name}`];
      return interfaceProperties(text, name)
        .filter((property) => !(property in known))
        .map((property) => `type ${name}.${property}`);
    });
}

/** Names of an interface's properties in a declaration file, which tsc lays out with four spaces. */
export function interfaceProperties(text: string, name: string): string[] {
  const body = new RegExp(`^export interface ${name} \\{\\n([\\s\\S]*?)^\\}`, "m").exec(text)?.[1] ?? "";
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].flatMap(([, property]) => property ?? []);
}

/** `docker:index/container:Container` is `Container`. */
function lastName(token: string): string {
  return token.slice(token.lastIndexOf(":") + 1);
}
