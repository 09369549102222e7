import type { AnyKind } from "./kind.ts";
import { loadKindFiles, type KindFile } from "./kinds-folder.ts";

/** Every kind of job, by name. */
export type Kinds = ReadonlyMap<string, AnyKind>;

/**
 * Loads every kind.
 *
 * @throws Error naming the file that exports no kind, or one of another name
 */
export async function loadKinds(load: () => Promise<KindFile[]> = loadKindFiles): Promise<Kinds> {
  return new Map((await load()).map((file) => [file.name, toKind(file)]));
}

function toKind({ name, exported }: KindFile): AnyKind {
  if (!isKind(exported)) {
    throw new Error(
      `jobs/kinds/${name}.ts: the default export is no job kind; write: export default defineKind({ ... })`,
    );
  }
  if (exported.name !== name) {
    throw new Error(
      `jobs/kinds/${name}.ts: the kind's name is "${exported.name}", must be "${name}"; rename one of them`,
    );
  }
  return exported;
}

function isKind(value: unknown): value is AnyKind {
  return value instanceof Object && "perform" in value && "name" in value;
}
