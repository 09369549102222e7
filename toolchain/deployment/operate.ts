import { z } from "zod";
import { parseJson } from "../../configs/json.ts";
import type { Output } from "../lines.ts";
import { deploymentSchema, type DeploymentRecord } from "./deployments-log.ts";

/** The program in the image of the API that answers; jobs/operate.ts. */
export const OPERATE = ["/usr/local/bin/node", "/app/operate.mjs"] as const;

/** What jobs/look.ts says. */
export const lookSchema = z.looseObject({
  failing: z.array(z.looseObject({ dependency: z.string(), reason: z.string() })),
  applied: z.array(z.looseObject({ version: z.int(), file: z.string(), phase: z.string().nullable() })),
  waiting: z.array(z.string()),
  oldestDueSeconds: z.number(),
});
export type Look = z.infer<typeof lookSchema>;

/** Runs a program in a container of the API that serves; nothing where none does. */
export type Within = (command: readonly string[]) => Promise<Output | undefined>;

/** What came of asking: a stack that does not run cannot be asked, and a release of before this program has none. */
export type Looked =
  | { readonly kind: "seen"; readonly look: Look }
  | { readonly kind: "nothing runs" }
  | { readonly kind: "too old" }
  | { readonly kind: "no answer"; readonly why: string };

/** Asks the stack how it stands from within. */
export async function lookWithin(within: Within): Promise<Looked> {
  const ran = await within([...OPERATE, "look"]);
  if (ran === undefined) return { kind: "nothing runs" };
  const parsed = ran.code === 0 ? lookSchema.safeParse(lastJson(ran.output)) : undefined;
  if (parsed?.success === true) return { kind: "seen", look: parsed.data };
  return isTooOld(ran) ? { kind: "too old" } : { kind: "no answer", why: whyNot(ran) };
}

/** Said of a release that was made before it could be asked. */
export const TOO_OLD = "the release that serves is older than the question";

/** How many deployments the table is told of: those that it missed while it was away are among them. */
const TOLD = 20;

/**
 * Tells the table of deployments what the log knows.
 *
 * @returns why it could not be told; nothing where it was
 */
export async function recordWithin(within: Within, records: readonly DeploymentRecord[]): Promise<string | undefined> {
  const ran = await within([...OPERATE, "record", JSON.stringify(records.slice(-TOLD))]);
  if (ran === undefined) return "no API runs";
  return ran.code === 0 ? undefined : whyNot(ran);
}

/** Deployments that the table has, oldest first, and why there are none where it could not be asked. */
export interface History {
  readonly records: readonly DeploymentRecord[];
  readonly why?: string;
}

/** Asks the table of deployments for the newest of them, those of other machines among them. */
export async function historyWithin(within: Within): Promise<History> {
  const ran = await within([...OPERATE, "history"]);
  if (ran === undefined) return { records: [], why: "no API runs" };
  const rows = ran.code === 0 ? z.array(z.unknown()).safeParse(lastJson(ran.output)).data : undefined;
  if (rows === undefined) return { records: [], why: whyNot(ran) };
  // What a newer release says of one may be more than is known here: the others count all the same.
  return { records: rows.flatMap((row) => deploymentSchema.safeParse(row).data ?? []) };
}

/** Whether it was asked of a release that has no such program, or whose program does not know the question. */
export function isTooOld({ code, output }: Output): boolean {
  return code !== 0 && /Cannot find module|allowed are look/.test(output);
}

function whyNot(ran: Output): string {
  if (isTooOld(ran)) return TOO_OLD;
  return `exit code ${ran.code}: ${ran.output.slice(-300).trim()}`;
}

/** Warnings of Node may stand before the answer. */
function lastJson(output: string): unknown {
  return parseJson(output.trim().split("\n").at(-1) ?? "");
}

/** The newest migration that a database has; nothing where that could not be asked, which is no level. */
export function levelOf(looked: Looked): number | undefined {
  if (looked.kind !== "seen" || looked.look.failing.some(({ dependency }) => dependency === "database"))
    return undefined;
  return looked.look.applied.at(-1)?.version ?? 0;
}
