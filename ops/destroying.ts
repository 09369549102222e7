import { EXIT } from "../backup/protocol.ts";
import { dataChanges, type DataChange } from "../infra/plan/data-changes.ts";
import { nameOf } from "../infra/plan/urn.ts";
import { UserError } from "../toolchain/command.ts";
import type { Deployment } from "../toolchain/stack.ts";
import { stackOption } from "./restore-run.ts";

/** A resource that would go. */
export interface Going {
  readonly type: string;
  /** Logical name. */
  readonly name: string;
  /** Whether Pulumi refuses to delete it. */
  readonly isProtected: boolean;
}

/** What a destroy would do. */
export interface DestroyPlan {
  readonly data: readonly DataChange[];
  readonly others: readonly Going[];
}

/** What the engine itself makes: nothing goes with them. */
const NO_RESOURCE = /^(pulumi:|slipway:)/;

/**
 * What of a stack would go, data apart.
 *
 * @param keepsData whether data stays, on a Docker engine: its volumes, and the key of its backups, which goes into the stack's file
 */
export function planDestroy({ deployment: { resources = [] } }: Deployment, keepsData: boolean): DestroyPlan {
  const real = resources.filter(({ type }) => !NO_RESOURCE.test(type));
  const data = dataChanges(real.map(({ urn }) => ({ op: "delete", urn })));
  const others = real
    .filter(({ urn }) => dataChanges([{ op: "delete", urn }]).length === 0)
    .map(({ type, urn, protect }) => ({ type, name: nameOf(urn), isProtected: protect === true }));
  return { data: keepsData ? [] : data, others };
}

/** Two kinds of a name are let go together. */
function namesOf(data: DestroyPlan["data"]): readonly string[] {
  return [...new Set(data.map(({ name }) => name))];
}

/** @throws UserError naming every piece of data that nobody has named */
export function refuseUnnamed(stack: string, { data }: DestroyPlan, named: readonly string[]): void {
  const names = namesOf(data);
  const unknown = named.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new UserError(
      `--data names ${unknown.join(", ")}, which ${stack} has not; it has ${names.join(", ") || "none"}.`,
      EXIT.usage,
    );
  const missing = names.filter((name) => !named.includes(name));
  if (missing.length === 0) return;
  throw new UserError(
    `The data of ${stack} would be lost, and nothing was changed: ${missing.join(", ")}. If that is meant, name all of it: ` +
      `./slipway destroy --yes --data ${names.join(",")}${stackOption(stack)}`,
    EXIT.usage,
  );
}

/** The same for people; data comes first, and bold on a terminal. */
export function destroyText(stack: string, { data, others }: DestroyPlan, bold: (text: string) => string): string {
  const types = Map.groupBy(others, ({ type }) => type);
  const names = namesOf(data);
  const guarded = others.filter(({ isProtected }) => isProtected).length;
  return [
    `${stack}: ${data.length + others.length} resources would go.`,
    ...(data.length === 0 ? ["  no data"] : data.map(({ name, type }) => bold(`  data  ${name} (${type})`))),
    ...[...types]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([type, found]) => `  ${String(found.length).padStart(4)}  ${type}`),
    ...(guarded === 0 ? [] : [`  ${guarded} of them are protected; slipway:teardown takes that off.`]),
    "",
    `It is done by: ./slipway destroy --yes${names.length === 0 ? "" : ` --data ${names.join(",")}`}${stackOption(stack)}`,
    "",
  ].join("\n");
}
