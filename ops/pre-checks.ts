import { UserError } from "../toolchain/command.ts";
import { TOO_OLD, type Looked } from "../toolchain/deployment/operate.ts";
import { bad, good, type Look } from "./health/finding.ts";
import { formatSpan } from "./quantities.ts";

/** Seconds that a job may have waited: where workers do not keep up, a deploy only makes it longer. */
const OLDEST_DUE_SECONDS = 1800;

/** What a stack says from within before a deploy: database, Redis and queue. A look each that is not good, else one that is. */
export function runningLooks(looked: Looked, stack: string): readonly Look[] {
  switch (looked.kind) {
    case "nothing runs":
      return [good("nothing runs yet")];
    case "too old":
      return [good(`not asked: ${TOO_OLD}`)];
    case "no answer":
      return [bad(`the API could not be asked: ${looked.why}`, `See why: ./slipway logs --stack ${stack} api`)];
    case "seen": {
      const { failing, oldestDueSeconds } = looked.look;
      const away = failing.map(({ dependency, reason }) =>
        bad(`${dependency}: ${reason}`, `Does it run, and let the API in (./slipway status --stack ${stack})?`),
      );
      const late = `queue: the oldest job waits for ${formatSpan(oldestDueSeconds)}, at most ${formatSpan(OLDEST_DUE_SECONDS)}`;
      const faults =
        oldestDueSeconds <= OLDEST_DUE_SECONDS ? away : [...away, bad(late, "Are workers there (docs/worker.md)?")];
      return faults.length === 0 ? [good("database, Redis and queue are well")] : faults;
    }
  }
}

/** What was found and what to do, in a line. */
export function lookText({ detail, mend }: Look): string {
  return mend === undefined ? detail : `${detail}. ${mend}`;
}

export function faultsOf(looks: readonly Look[]): readonly Look[] {
  return looks.filter(({ state }) => state === "bad");
}

/**
 * Says how a stack stands before a deploy.
 *
 * @throws UserError listing every fault, unless they are to be passed over
 */
export function preCheck(looks: readonly Look[], isForced: boolean): string {
  const faults = faultsOf(looks);
  if (faults.length > 0 && !isForced)
    throw new UserError(
      `Not deployed, and nothing was changed: what there is is not well.\n${faults.map((fault) => `  ${lookText(fault)}`).join("\n")}\n` +
        "Mend it, or deploy all the same, as where the deploy is what mends it: --force",
    );
  if (faults.length > 0) return `passed over: ${faults.map(({ detail }) => detail).join("; ")}`;
  return looks.map(({ detail }) => detail).join("; ");
}
