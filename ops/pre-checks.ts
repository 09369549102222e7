import { UserError } from "../toolchain/command.ts";
import { TOO_OLD, type Looked } from "../toolchain/deployment/operate.ts";
import { formatSpan } from "./quantities.ts";

/** Seconds that a job may have waited: where workers do not keep up, a deploy only makes it longer. */
const OLDEST_DUE_SECONDS = 1800;

/** What is wrong with a stack before a deploy; nothing where it does not run yet. */
export function preFaults(looked: Looked): readonly string[] {
  switch (looked.kind) {
    case "nothing runs":
    case "too old":
      return [];
    case "no answer":
      return [`the API could not be asked: ${looked.why}`];
    case "seen": {
      const { failing, oldestDueSeconds } = looked.look;
      const away = failing.map(({ dependency, reason }) => `${dependency}: ${reason}`);
      const late =
        oldestDueSeconds <= OLDEST_DUE_SECONDS
          ? []
          : [
              `queue: the oldest job waits for ${formatSpan(oldestDueSeconds)}, at most ${formatSpan(OLDEST_DUE_SECONDS)}; are workers there? docs/worker.md`,
            ];
      return [...away, ...late];
    }
  }
}

/**
 * Says how a stack stands before a deploy.
 *
 * @throws UserError listing every fault, unless they are to be passed over
 */
export function preCheck(looked: Looked, isForced: boolean): string {
  const faults = preFaults(looked);
  if (faults.length > 0 && !isForced)
    throw new UserError(
      `Not deployed, and nothing was changed: what runs is not well.\n${faults.map((fault) => `  ${fault}`).join("\n")}\n` +
        "Mend it, or deploy all the same, as where the deploy is what mends it: --force",
    );
  if (faults.length > 0) return `passed over: ${faults.join("; ")}`;
  if (looked.kind === "too old") return `not asked: ${TOO_OLD}`;
  return looked.kind === "seen" ? "database, Redis and queue are well" : "nothing runs yet";
}
