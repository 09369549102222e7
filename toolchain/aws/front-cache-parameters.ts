import { ACCOUNT, element, nest, WireError, xml, type AwsAnswer, type AwsHandler } from "./front-wire.ts";

/** ElastiCache parameter groups: form fields in, XML out. Which parameters a family has is not known here. */

interface Group {
  readonly name: string;
  readonly family: string;
  readonly description: string;
  readonly arn: string;
  readonly parameters: Map<string, string>;
  readonly tags: Map<string, string>;
}

interface Call {
  readonly form: URLSearchParams;
  readonly region: string;
  readonly groups: Map<string, Group>;
}

const ACTIONS: Readonly<Record<string, (call: Call) => string>> = {
  CreateCacheParameterGroup: create,
  DescribeCacheParameterGroups: describe,
  DescribeCacheParameters: (call) =>
    nest("Parameters", [...named(call).parameters].map(([name, value]) => parameter(name, value)).join("")),
  ModifyCacheParameterGroup: modify,
  ResetCacheParameterGroup: reset,
  DeleteCacheParameterGroup: (call) => {
    call.groups.delete(named(call).name);
    return "";
  },
};

/** Those that are of all kinds of resources: answered for parameter groups only. */
const TAG_ACTIONS: Readonly<Record<string, (tags: Map<string, string>, form: URLSearchParams) => void>> = {
  ListTagsForResource: () => undefined,
  AddTagsToResource: (tags, form) => {
    for (const [name, value] of pairs(form, "Tags.Tag", ["Key", "Value"])) tags.set(name, value);
  },
  RemoveTagsFromResource: (tags, form) => {
    for (const [field, name] of form) if (field.startsWith("TagKeys.")) tags.delete(name);
  },
};

export function cacheParameters(): AwsHandler {
  const groups = new Map<string, Group>();
  return ({ text, region }) => {
    const form = new URLSearchParams(text);
    const action = form.get("Action") ?? "";
    const own = ACTIONS[action];
    return own === undefined ? changeTags(action, form, groups) : xml(action, own({ form, region, groups }));
  };
}

function changeTags(action: string, form: URLSearchParams, groups: Map<string, Group>): AwsAnswer | undefined {
  const change = TAG_ACTIONS[action];
  const group = [...groups.values()].find(({ arn }) => arn === form.get("ResourceName"));
  if (change === undefined || group === undefined) return undefined;
  change(group.tags, form);
  const tags = [...group.tags].map(([name, value]) => nest("Tag", element("Key", name) + element("Value", value)));
  return xml(action, nest("TagList", tags.join("")));
}

function create({ form, region, groups }: Call): string {
  const name = form.get("CacheParameterGroupName") ?? "";
  if (groups.has(name)) throw new WireError("CacheParameterGroupAlreadyExists", `${name} is there already.`);
  const made: Group = {
    name,
    family: form.get("CacheParameterGroupFamily") ?? "",
    description: form.get("Description") ?? "",
    arn: `arn:aws:elasticache:${region}:${ACCOUNT}:parametergroup:${name}`,
    parameters: new Map(),
    tags: new Map(pairs(form, "Tags.Tag", ["Key", "Value"])),
  };
  groups.set(name, made);
  return told(made);
}

function describe(call: Call): string {
  const wanted = call.form.has("CacheParameterGroupName") ? [named(call)] : [...call.groups.values()];
  return nest("CacheParameterGroups", wanted.map(told).join(""));
}

function modify(call: Call): string {
  const group = named(call);
  for (const [name, value] of parametersOf(call)) group.parameters.set(name, value);
  return element("CacheParameterGroupName", group.name);
}

function reset(call: Call): string {
  const group = named(call);
  if (call.form.get("ResetAllParameters") === "true") group.parameters.clear();
  for (const [name] of parametersOf(call)) group.parameters.delete(name);
  return element("CacheParameterGroupName", group.name);
}

function named({ form, groups }: Call): Group {
  const name = form.get("CacheParameterGroupName") ?? "";
  const group = groups.get(name);
  if (group === undefined) throw new WireError("CacheParameterGroupNotFound", `No parameter group ${name} found.`, 404);
  return group;
}

function parametersOf({ form }: Call): [string, string][] {
  return pairs(form, "ParameterNameValues.ParameterNameValue", ["ParameterName", "ParameterValue"]);
}

/** A list of pairs as forms hold it: PREFIX.1.Key=a&PREFIX.1.Value=b. */
function pairs(form: URLSearchParams, prefix: string, [key, value]: readonly [string, string]): [string, string][] {
  const found: [string, string][] = [];
  for (let index = 1; form.has(`${prefix}.${index}.${key}`); index++)
    found.push([form.get(`${prefix}.${index}.${key}`) ?? "", form.get(`${prefix}.${index}.${value}`) ?? ""]);
  return found;
}

function told({ name, family, description, arn }: Group): string {
  return nest(
    "CacheParameterGroup",
    element("CacheParameterGroupName", name) +
      element("CacheParameterGroupFamily", family) +
      element("Description", description) +
      element("IsGlobal", "false") +
      element("ARN", arn),
  );
}

function parameter(name: string, value: string): string {
  return nest(
    "Parameter",
    element("ParameterName", name) +
      element("ParameterValue", value) +
      element("Source", "user") +
      element("IsModifiable", "true"),
  );
}
