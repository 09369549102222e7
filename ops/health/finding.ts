import { messageOf } from "../../configs/message.ts";
import { facts } from "../table.ts";

/** `unknown`: it could not be looked at, and nobody should take it for good. */
export type State = "good" | "warning" | "bad" | "unknown";

/** What came of one look. */
export interface Look {
  readonly state: State;
  /** What was found, in a line. */
  readonly detail: string;
  /** What to do; not where it is good. */
  readonly mend?: string;
}

export interface Finding extends Look {
  readonly name: string;
}

export const good = (detail: string): Look => ({ state: "good", detail });
export const warning = (detail: string, mend: string): Look => ({ state: "warning", detail, mend });
export const bad = (detail: string, mend: string): Look => ({ state: "bad", detail, mend });
export const unknown = (detail: string, mend: string): Look => ({ state: "unknown", detail, mend });

interface Limits {
  readonly warning: number;
  readonly bad: number;
}

/** A number that is worse the larger it is. */
export function atMost(found: number, limits: Limits, detail: string, mend: string): Look {
  if (found >= limits.bad) return bad(detail, mend);
  return found >= limits.warning ? warning(detail, mend) : good(detail);
}

/** A number that is worse the smaller it is. */
export function atLeast(found: number, limits: Limits, detail: string, mend: string): Look {
  if (found <= limits.bad) return bad(detail, mend);
  return found <= limits.warning ? warning(detail, mend) : good(detail);
}

const ORDER: readonly State[] = ["good", "unknown", "warning", "bad"];

/** The worst of several looks at one thing, with what all of those say that are as bad. */
export function worstOf(looks: readonly Look[]): Look {
  const worst = looks.reduce<State>((a, { state: b }) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a), "good");
  const own = looks.filter(({ state }) => state === worst);
  const mend = [...new Set(own.flatMap((look) => look.mend ?? []))].join(" ");
  return { state: worst, detail: own.map(({ detail }) => detail).join("; "), ...(mend !== "" && { mend }) };
}

/** Looks that fail are unknown: a fault of the look is none of what is looked at. */
export async function lookAt(name: string, look: () => Promise<Look>): Promise<Finding> {
  try {
    return { name, ...(await look()) };
  } catch (error) {
    const reason = messageOf(error);
    return { name, ...unknown(`could not be looked at: ${reason}`, "Mend that, and look again.") };
  }
}

const MARKS: Readonly<Record<State, string>> = { good: "✓", warning: "!", bad: "✗", unknown: "?" };

/** Findings as people read them, what to do below each that is not good. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings
    .map(({ name, state, detail, mend }) => {
      const line = `${MARKS[state]} ${name.padEnd(width)}  ${detail}\n`;
      return mend === undefined ? line : `${line}${facts([["".padEnd(width), `→ ${mend}`]])}`;
    })
    .join("");
}
