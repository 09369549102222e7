import { createHash } from "node:crypto";
import { at, isObject, textAt, type JsonObject } from "./wire.ts";

/** Kind of an object, as its manifest says it. */
export interface Kind {
  /** Such as `apps/v1`, or `v1`. */
  readonly apiVersion: string;
  readonly kind: string;
}

/** What tells one object of a kind from the others. */
export interface Identity extends Kind {
  /** Absent where the kind has no namespaces. */
  readonly namespace?: string;
  readonly name: string;
}

const AUTONAMED = "pulumi.com/autonamed";
/** Characters after the dash of a name that was made. */
const SUFFIX = 8;

/** Kind of a type token such as `kubernetes:apps/v1:Deployment`; the core group has no name in manifests. */
export function kindOfToken(token: string): Kind {
  const [, apiVersion = "", kind = ""] = /^kubernetes:(.+):(\w+)$/.exec(token) ?? [];
  if (kind === "")
    throw new Error(`${token} is no type of a Kubernetes resource; expected kubernetes:<group>/<version>:<Kind>.`);
  const core = /^core\/(.+)$/.exec(apiVersion);
  return { apiVersion: core?.[1] ?? apiVersion, kind };
}

/** The type token in a resource's URN. */
export function tokenOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}

/** Kind of an object: what it says itself, else what its type says. */
export function kindOf(object: JsonObject, urn: string): Kind {
  const apiVersion = textAt(object, "apiVersion");
  const kind = textAt(object, "kind");
  return apiVersion !== undefined && kind !== undefined ? { apiVersion, kind } : kindOfToken(tokenOf(urn));
}

/** `namespace/name`, or the name alone. */
export function idOf({ namespace, name }: Pick<Identity, "namespace" | "name">): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The other way round. */
export function fromId(id: string): Pick<Identity, "namespace" | "name"> {
  const [first = "", second] = id.split("/");
  return second === undefined ? { name: first } : { namespace: first, name: second };
}

/** Manifests with many objects in them are not objects: Pulumi manages each for itself. */
export function isList({ kind }: Kind): boolean {
  return kind === "List" || kind.endsWith("List");
}

export function isSecret({ apiVersion, kind }: Kind): boolean {
  return apiVersion === "v1" && kind === "Secret";
}

/**
 * Gives an object its name: what it says, else the one that was made before, else a new one.
 *
 * @param logicalName of the resource in the program
 * @param old         the object as it was at the last check
 * @param seed        random bytes of the engine; without them the name is taken from the URN
 */
export function withName(
  object: JsonObject,
  logicalName: string,
  old: JsonObject | undefined,
  seed: Uint8Array,
): JsonObject {
  const metadata = at(object, ["metadata"]);
  const known = isObject(metadata) ? metadata : {};
  if (known["name"] !== undefined || known["generateName"] !== undefined) return object;
  const before = old !== undefined && isAutonamed(old) ? textAt(old, "metadata", "name") : undefined;
  const name = before ?? `${logicalName.toLowerCase()}-${suffix(seed, logicalName)}`;
  const annotations = known["annotations"];
  return {
    ...object,
    metadata: { ...known, name, annotations: { ...(isObject(annotations) ? annotations : {}), [AUTONAMED]: "true" } },
  };
}

function suffix(seed: Uint8Array, logicalName: string): string {
  return createHash("sha256").update(seed).update(logicalName).digest("hex").slice(0, SUFFIX);
}

/** Whether its name was made here, so that another one may stand beside it. */
export function isAutonamed(object: JsonObject): boolean {
  return at(object, ["metadata", "annotations", AUTONAMED]) === "true";
}

/** An annotation of Pulumi's own, such as `skipAwait`. */
export function setting(object: JsonObject, name: string): string | undefined {
  return textAt(object, "metadata", "annotations", `pulumi.com/${name}`);
}
