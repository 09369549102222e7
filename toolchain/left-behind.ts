import type { UnmanagedObject } from "./unmanaged.ts";

/** Something that is still there of a stack that was taken down. */
export interface LeftOver extends UnmanagedObject {
  /** Why it is meant to be there. @default it is an orphan */
  readonly kept?: string;
  /** What a person types to remove it, or what becomes of it by itself. */
  readonly remove: string;
}

/** What was found, and where nobody could look. */
export interface LeftBehind {
  readonly objects: readonly LeftOver[];
  readonly unseen: readonly string[];
}

export const NOTHING_LEFT: LeftBehind = { objects: [], unseen: [] };

/** What is left of a stack, and how to remove it, as people read it. */
export function leftBehindText(stack: string, { objects, unseen }: LeftBehind): string {
  const orphans = objects.filter(({ kept }) => kept === undefined);
  const kept = objects.filter((object) => object.kept !== undefined);
  const lines = (found: readonly LeftOver[]) =>
    found.flatMap(({ kind, name, kept: why, remove }) => [
      // Kinds of Kubernetes' own first group end with a dot.
      `  ${kind.replace(/\.$/, "")} ${name}${why === undefined ? "" : `: ${why}`}`,
      `    ${remove}`,
    ]);
  const nothing = `Nothing of ${stack} is left${unseen.length === 0 ? "" : ", as far as could be seen"}.`;
  return [
    ...(objects.length === 0 ? [nothing] : []),
    ...(orphans.length === 0 ? [] : [`Left, and nobody's any more (${orphans.length}):`, ...lines(orphans)]),
    ...(kept.length === 0 ? [] : [`Kept (${kept.length}):`, ...lines(kept)]),
    ...unseen.map((what) => `Not looked at: ${what}`),
    "",
  ].join("\n");
}
