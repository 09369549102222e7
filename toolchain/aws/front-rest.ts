import { z } from "zod";
import { WireError, type AwsRequest } from "./front-wire.ts";

/** What the handlers of EKS have in common: its API is REST with JSON. */

export const tagsSchema = z.record(z.string(), z.string());
export type Tags = z.infer<typeof tagsSchema>;

/** The body, as far as the handler reads it. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, { text }: AwsRequest): z.output<Schema> {
  const parsed = schema.safeParse(JSON.parse(text === "" ? "{}" : text));
  if (!parsed.success) throw new WireError("InvalidParameterException", z.prettifyError(parsed.error));
  return parsed.data;
}

/** Things of one kind by their names, with the errors that EKS has for them. */
export class Shelf<Thing> {
  readonly #things = new Map<string, Thing>();
  readonly #kind: string;

  constructor(kind: string) {
    this.#kind = kind;
  }

  add(key: string, thing: Thing): void {
    if (this.#things.has(key))
      throw new WireError("ResourceInUseException", `${this.#kind} ${key} is there already.`, 409);
    this.#things.set(key, thing);
  }

  set(key: string, thing: Thing): void {
    this.get(key);
    this.#things.set(key, thing);
  }

  get(key: string): Thing {
    const thing = this.#things.get(key);
    if (thing === undefined) throw new WireError("ResourceNotFoundException", `No ${this.#kind} ${key} found.`, 404);
    return thing;
  }

  take(key: string): Thing {
    const thing = this.get(key);
    this.#things.delete(key);
    return thing;
  }

  find(matches: (thing: Thing) => boolean): [key: string, thing: Thing] | undefined {
    return [...this.#things].find(([, thing]) => matches(thing));
  }

  list(matches: (thing: Thing) => boolean): Thing[] {
    return [...this.#things.values()].filter(matches);
  }
}

/**
 * Answers GET, POST and DELETE of /tags/ARN for the things on a shelf.
 *
 * @returns the tags that it has now; nothing where the ARN is of none of them
 */
export function changeTags<Thing extends { readonly tags: Tags }>(
  { method, path, query, text }: AwsRequest,
  shelf: Shelf<Thing>,
  arnOf: (thing: Thing) => string,
): { readonly tags?: Tags } | undefined {
  if (path[0] !== "tags") return undefined;
  const found = shelf.find((thing) => arnOf(thing) === path[1]);
  if (found === undefined) return undefined;
  const [key, thing] = found;
  if (method === "GET") return { tags: thing.tags };
  const removed = new Set(query.getAll("tagKeys"));
  const added = method === "POST" ? z.object({ tags: tagsSchema }).parse(JSON.parse(text)).tags : {};
  const kept = Object.entries(thing.tags).filter(([name]) => !removed.has(name));
  shelf.set(key, { ...thing, tags: { ...Object.fromEntries(kept), ...added } });
  return {};
}
