import type { AnyKind } from "./kind.ts";
import { loadKindFiles, type KindFile } from "./kinds-folder.ts";

/** Every kind of job, by name. */
export type Kinds = ReadonlyMap<string, AnyKind>;

/**
 * Loads every kind.
 *
 * @throws Error naming the file that exports no kind, one of another name, an aggregate that is none, or a schedule that is
 * another one's too
 */
export async function loadKinds(load: () => Promise<KindFile[]> = loadKindFiles): Promise<Kinds> {
  const kinds = new Map((await load()).map((file) => [file.name, toKind(file)]));
  const schedules = new Map<string, string>();
  for (const { name, aggregate, ...kind } of kinds.values()) {
    if (aggregate !== undefined && !kinds.has(aggregate)) {
      throw new Error(
        `jobs/kinds/${name}.ts: aggregate is "${aggregate}", allowed: ${[...kinds.keys()].join(", ")}; correct it or add the kind`,
      );
    }
    for (const schedule of kind.schedules ?? []) {
      const other = schedules.get(schedule.name);
      if (other !== undefined) {
        throw new Error(
          `jobs/kinds/${name}.ts: the schedule "${schedule.name}" is in jobs/kinds/${other}.ts too; rename one of them`,
        );
      }
      schedules.set(schedule.name, name);
    }
  }
  return kinds;
}

/** Kinds that a tenant may ask for: all but those that work on the product itself. */
export function kindsOfTenants(kinds: Kinds): Kinds {
  return new Map([...kinds].filter(([, kind]) => kind.upkeep !== true));
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
