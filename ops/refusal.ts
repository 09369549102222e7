import { existsSync } from "node:fs";
import { readEvents, type EngineEvent, type PolicyResult } from "./engine-events.ts";

/** What the engine says of every preview that fails, beside why. */
const FAILED = "preview failed";

/** What a preview is refused for. */
export function violationsOf(policies: readonly PolicyResult[]): readonly PolicyResult[] {
  return policies.filter(({ enforcementLevel }) => enforcementLevel === "mandatory");
}

/**
 * Whether mandatory policies are all that a preview failed for: the engine goes on to its end, so that its events are as whole as those of a good one.
 * Any other fault ends it somewhere on the way.
 */
export function isOnlyRefused(events: readonly EngineEvent[]): boolean {
  const others = events.filter(
    ({ diagnosticEvent: said }) =>
      said?.severity === "error" && !(said.urn === undefined && said.message.trim() === FAILED),
  );
  const violations = violationsOf(events.flatMap(({ policyEvent }) => policyEvent ?? []));
  return violations.length > 0 && others.length === 0 && events.some(({ summaryEvent }) => summaryEvent !== undefined);
}

/** The events of a preview that failed, where it was only refused; nothing for any other fault, after which the file may be missing or cut. */
export function refusedEvents(path: string): readonly EngineEvent[] | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const events = readEvents(path);
    return isOnlyRefused(events) ? events : undefined;
  } catch {
    return undefined;
  }
}
