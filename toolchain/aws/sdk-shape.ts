import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/**
 * Compares the built AWS plugin's schema with @pulumi/aws, for the resources and functions that the plugin maps: each
 * property that the SDK offers must be there under the same name and in the same shape. Deep, down to nested types.
 */

const propertySchema = z.object({
  type: z.string().optional(),
  $ref: z.string().optional(),
  get items() {
    return propertySchema.optional();
  },
  get additionalProperties() {
    return propertySchema.optional();
  },
});
type Property = z.infer<typeof propertySchema>;
const propertiesSchema = z.record(z.string(), propertySchema);
const objectSchema = z.object({ properties: propertiesSchema.optional() });

const packageSchema = z.object({
  provider: z.object({ inputProperties: propertiesSchema.optional() }),
  resources: z.record(
    z.string(),
    objectSchema.extend({
      inputProperties: propertiesSchema.optional(),
      requiredInputs: z.array(z.string()).optional(),
    }),
  ),
  functions: z.record(z.string(), z.object({ inputs: objectSchema.optional(), outputs: objectSchema.optional() })),
  types: z.record(z.string(), objectSchema),
});
export type AwsSchema = z.infer<typeof packageSchema>;

/** Reads a schema as the plugin writes it. */
export function readAwsSchema(path: string): AwsSchema {
  return packageSchema.parse(JSON.parse(readFileSync(path, "utf8")));
}

/**
 * What differs, such as `aws:eks/cluster:Cluster.certificateAuthority: array in the plugin, object in the SDK`.
 *
 * @param sdk folder of @pulumi/aws
 */
export function shapeDifferences(schema: AwsSchema, sdk: string): string[] {
  const walker = new Walker(schema, new SdkTypes(sdk));
  walker.compare("provider", walker.sdk.interface("provider", "ProviderArgs"), schema.provider.inputProperties);
  for (const [token, resource] of Object.entries(schema.resources)) {
    const { file, name } = placeOf(token);
    const declared = walker.sdk.interface(file, `${name}Args`);
    walker.compare(token, declared, resource.inputProperties);
    walker.compareRequired(token, declared, resource.requiredInputs ?? []);
    walker.compare(`${token} (output)`, walker.sdk.outputs(file, name), resource.properties);
  }
  for (const [token, { inputs, outputs }] of Object.entries(schema.functions)) {
    const { file, name } = placeOf(token);
    if (file.startsWith("unmapped/") || token.startsWith("pulumi:")) continue;
    const pascal = name.charAt(0).toUpperCase() + name.slice(1);
    walker.compare(token, walker.sdk.interface(file, `${pascal}Args`), inputs?.properties);
    walker.compare(`${token} (result)`, walker.sdk.interface(file, `${pascal}Result`), outputs?.properties);
  }
  return walker.found;
}

/** `aws:ec2/vpc:Vpc` is declared in ec2/vpc.d.ts as Vpc. */
function placeOf(token: string): { readonly file: string; readonly name: string } {
  const [, module = "", name = ""] = token.split(":");
  return { file: module.replace(/^index\//, ""), name };
}

interface Declared {
  readonly isOptional: boolean;
  /** Without Input, Output and undefined: `string[]`, `inputs.eks.ClusterVpcConfig`. */
  readonly type: string;
}
type Declarations = ReadonlyMap<string, Declared>;

/** The declarations of @pulumi/aws, as tsc lays them out. */
class SdkTypes {
  readonly #folder: string;
  readonly #texts = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  interface(file: string, name: string): Declarations | undefined {
    const body = new RegExp(`^export interface ${name} \\{\\n([\\s\\S]*?)^\\}`, "m").exec(this.#read(file))?.[1];
    return body === undefined ? undefined : declarations(body, /^ {4}(?:readonly )?(\w+)(\??): (.*);$/gm);
  }

  /** Properties of a resource's class. */
  outputs(file: string, name: string): Declarations | undefined {
    const body = new RegExp(`^export declare class ${name} [\\s\\S]*?^\\}`, "m").exec(this.#read(file))?.[0];
    return body === undefined ? undefined : declarations(body, /^ {4}readonly (\w+)(\??): (pulumi\.Output.*);$/gm);
  }

  /** A nested type: `inputs.eks.ClusterVpcConfig`, `outputs.ProviderEndpoint`. */
  nested(reference: string): Declarations | undefined {
    const [kind = "", ...path] = reference.split(".");
    const name = path.at(-1) ?? "";
    const file = `types/${kind.replace(/s$/, "")}`;
    const namespace = path.slice(0, -1);
    if (namespace.length === 0) return this.interface(file, name);
    const text = this.#read(file);
    const start = text.indexOf(`\nexport declare namespace ${namespace.join(".")} {`);
    const inner = text.slice(start, text.indexOf("\n}\n", start));
    const body = new RegExp(`^ {4}interface ${name} \\{\\n([\\s\\S]*?)^ {4}\\}`, "m").exec(inner)?.[1];
    return start < 0 || body === undefined ? undefined : declarations(body, /^ {8}(\w+)(\??): (.*);$/gm);
  }

  #read(file: string): string {
    const known = this.#texts.get(file);
    if (known !== undefined) return known;
    const text = readFileSync(join(this.#folder, `${file}.d.ts`), "utf8");
    this.#texts.set(file, text);
    return text;
  }
}

function declarations(body: string, line: RegExp): Declarations {
  return new Map(
    [...body.matchAll(line)].map(([, name = "", question, type = ""]) => [
      name,
      { isOptional: question === "?", type: bareType(type) },
    ]),
  );
}

/** `pulumi.Input<pulumi.Input<string | Topic>[] | undefined>` is `string[]`. */
function bareType(type: string): string {
  const bare = type
    .replaceAll(/pulumi\.(Input|Output)</g, "")
    .replaceAll(">", "")
    .replace(/ \| undefined$/, "");
  const array = bare.endsWith("[]") ? "[]" : "";
  const choices = bare.slice(0, bare.length - array.length).split(" | ");
  const isText = choices.includes("string") || choices.includes("ARN");
  return `${isText ? "string" : (choices[0] ?? "")}${array}`;
}

class Walker {
  readonly found: string[] = [];
  readonly schema: AwsSchema;
  readonly sdk: SdkTypes;
  readonly #seen = new Set<string>();

  constructor(schema: AwsSchema, sdk: SdkTypes) {
    this.schema = schema;
    this.sdk = sdk;
  }

  compare(where: string, declared: Declarations | undefined, known: Record<string, Property> = {}): void {
    for (const [name, { type }] of declared ?? []) {
      const property = known[name];
      if (property === undefined) this.found.push(`${where}.${name}: not in the plugin`);
      else this.#compareType(`${where}.${name}`, type, property);
    }
  }

  compareRequired(where: string, declared: Declarations | undefined, required: readonly string[]): void {
    for (const name of required)
      if (declared?.get(name)?.isOptional === true) this.found.push(`${where}.${name}: optional in the SDK`);
  }

  #compareType(where: string, type: string, property: Property): void {
    const sdk = kindOfType(type);
    const plugin = kindOfProperty(property);
    if (sdk !== plugin) {
      this.found.push(`${where}: ${plugin} in the plugin, ${sdk} in the SDK`);
      return;
    }
    if (sdk === "array" && property.items !== undefined)
      this.#compareType(`${where}[]`, type.replace(/\[\]$/, ""), property.items);
    if (sdk === "object") this.#compareNested(where, type, property.$ref ?? "");
  }

  #compareNested(where: string, type: string, reference: string): void {
    const token = decodeURIComponent(reference.replace("#/types/", ""));
    const pair = `${type} ${token}`;
    if (this.#seen.has(pair)) return;
    this.#seen.add(pair);
    this.compare(where, this.sdk.nested(type), this.schema.types[token]?.properties);
  }
}

function kindOfType(type: string): string {
  if (type.endsWith("[]")) return "array";
  if (type.startsWith("{[key: string]")) return "map";
  if (/^(in|out)puts\./.test(type)) return "object";
  return type.startsWith("enums.") ? "string" : type;
}

function kindOfProperty({ type, $ref, additionalProperties }: Property): string {
  if ($ref !== undefined) return $ref.startsWith("#/types/") ? "object" : "string";
  if (type === "object") return additionalProperties === undefined ? "object" : "map";
  return type === "integer" ? "number" : (type ?? "any");
}
