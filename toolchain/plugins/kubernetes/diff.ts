import type { Client } from "./client.ts";
import { UnknownKind } from "./client.ts";
import { ApiError, isImmutable, isNotFound } from "./errors.ts";
import { differences, has, isFixed } from "./immutable.ts";
import { isAutonamed, setting, type Identity, type Kind } from "./objects.ts";
import { objectsAt, pathText, type JsonObject, type Path } from "./wire.ts";

/** A part that differs. */
export interface Change {
  readonly path: Path;
  readonly is: "added" | "removed" | "changed";
  readonly replaces: boolean;
  /** The program asks for something else than before; else the object was changed by others. */
  readonly asked: boolean;
}

export interface Difference {
  readonly changes: readonly Change[];
  /** The new object cannot stand beside the old one: they have one name. */
  readonly deleteFirst: boolean;
}

export interface DiffInput {
  readonly kind: Kind;
  readonly before: JsonObject;
  readonly after: JsonObject;
  /** Parts of `after` that are not known yet. */
  readonly unknowns: readonly Path[];
  /** The object as it is; nothing where it is gone or cannot be asked for. */
  readonly live: JsonObject | undefined;
  /** What it would be with `after` applied; nothing where that is not to be had. */
  readonly predicted: JsonObject | undefined;
  /** The server says that it cannot be changed in place. */
  readonly immutable: boolean;
  /** It failed for good, and the program wants another one then. */
  readonly spent: boolean;
}

/** Parts that the server sets for itself. */
const SERVERS_OWN = new Set(["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"]);

/** What would change, by what the program asked for before and asks for now, and by what a dry run says of the rest. Pure. */
export function judge(input: DiffInput): Difference {
  const { kind, before, after, unknowns, live, predicted, immutable, spent } = input;
  const asked = differences(before, after);
  const drifted = live && predicted ? ownDifferences(live, predicted) : [];
  const texts = new Set(asked.map(pathText));
  const more = drifted.filter((path) => has(after, path) && !texts.has(pathText(path)));
  const changes = [...asked.map((path) => ({ path, isAsked: true })), ...more.map((path) => ({ path, isAsked: false }))]
    // What the server makes of it may be the same: 1000m is 1, a default is what was left out.
    .filter(
      ({ path, isAsked }) =>
        !isAsked ||
        !live ||
        !predicted ||
        immutable ||
        isUnknown(path, unknowns) ||
        matters(path, live, predicted, kind, before),
    )
    .map(({ path, isAsked }): Change => {
      const is = !has(before, path) && isAsked ? "added" : !has(after, path) ? "removed" : "changed";
      return { path, is, replaces: isFixed(path, kind, before) || (immutable && isAsked), asked: isAsked };
    });
  if (spent) changes.push({ path: ["status"], is: "changed", replaces: true, asked: false });
  const replaces = changes.some((change) => change.replaces);
  const moves = changes.some(({ path }) => ["metadata.name", "metadata.namespace"].includes(pathText(path)));
  return { changes, deleteFirst: replaces && !moves && !isAutonamed(after) };
}

function isUnknown(path: Path, unknowns: readonly Path[]): boolean {
  return unknowns.some((one) => pathText(one).startsWith(pathText(path)));
}

/** Whether a change of what is asked for changes the object. */
function matters(path: Path, live: JsonObject, predicted: JsonObject, kind: Kind, before: JsonObject): boolean {
  // Secrets are asked for in two ways, and the server has them in one.
  if (path[0] === "stringData" || isFixed(path, kind, before)) return true;
  const text = pathText(path);
  return ownDifferences(live, predicted).some((one) => {
    const other = pathText(one);
    return other.startsWith(text) || text.startsWith(other);
  });
}

function ownDifferences(live: JsonObject, predicted: JsonObject): Path[] {
  return differences(live, predicted).filter(([first, second]) => {
    if (first === "status") return false;
    return !(first === "metadata" && typeof second === "string" && SERVERS_OWN.has(second));
  });
}

/** Whether a Job has failed, and says of itself that another one shall take its place then: one that failed never runs again. */
export function isSpent(asked: JsonObject, live: JsonObject | undefined): boolean {
  if (setting(asked, "replaceUnready") !== "true") return false;
  return objectsAt(live, "status", "conditions").some(({ type, status }) => type === "Failed" && status === "True");
}

/** The object as it is and as it would be. */
export async function lookAhead(
  client: Client,
  identity: Identity,
  object: JsonObject,
  fieldManager: string,
): Promise<Pick<DiffInput, "live" | "predicted" | "immutable">> {
  try {
    const live = await client.get(identity);
    if (!live) return { live, predicted: undefined, immutable: false };
    // By force: what others hold is told by the update itself, and is no difference by itself.
    const predicted = await client.apply(identity, object, { fieldManager, force: true, dryRun: true });
    return { live, predicted, immutable: false };
  } catch (error) {
    if (isImmutable(error)) return { live: undefined, predicted: undefined, immutable: true };
    // A new namespace, a kind that is yet to be defined, or what the update will say better.
    if (error instanceof UnknownKind || isNotFound(error) || error instanceof ApiError)
      return { live: undefined, predicted: undefined, immutable: false };
    throw error;
  }
}
