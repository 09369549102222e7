import { EXIT } from "../backup/protocol.ts";
import { blueGreenPlan, parseCanary, type CanaryPlan } from "../infra/plan/canary.ts";
import { UserError } from "../toolchain/command.ts";
import type { Looked } from "../toolchain/deployment/operate.ts";
import { pendingOf, type Applied } from "./release-choice.ts";
import type { Platform } from "./run-ops.ts";

export interface CanaryWords {
  /** Shares with commas between, as they were typed; nothing where no canary is wanted. */
  readonly shares: string | undefined;
  /** Whether all requests are to go over at one moment. */
  readonly isBlueGreen: boolean;
  readonly seconds: string | undefined;
  readonly platform: Platform;
  /** An option that was given and goes with no canary. */
  readonly mode: string | undefined;
}

/** What blue-green is on a Docker engine. */
export const ALWAYS_BLUE_GREEN =
  "On a Docker engine every deploy is blue-green: new containers beside those that serve, and the edge switches once all are healthy.";

/**
 * How a new release is to take over.
 *
 * @throws UserError where it is not said as it must be, or cannot be done
 */
export function askedCanary({ shares, isBlueGreen, seconds, platform, mode }: CanaryWords): CanaryPlan | undefined {
  const wrong = (why: string) => new UserError(`${why} See: ./slipway deploy --help`, EXIT.usage);
  if (shares === undefined && !isBlueGreen) {
    if (seconds !== undefined) throw wrong("--canary-seconds goes with --canary or --blue-green.");
    return undefined;
  }
  const option = isBlueGreen ? "--blue-green" : "--canary";
  if (shares !== undefined && isBlueGreen) throw wrong("--canary and --blue-green do not go together.");
  if (mode !== undefined) throw wrong(`${option} and --${mode} do not go together.`);
  if (platform === "aws")
    throw wrong(
      `${option} is for stacks on a Docker engine and in a cluster that exists. Leave it out: new pods take over one by one.`,
    );
  if (isBlueGreen && platform === "docker") {
    if (seconds !== undefined) throw wrong(`--canary-seconds does nothing there. ${ALWAYS_BLUE_GREEN}`);
    return undefined;
  }
  try {
    return shares === undefined ? blueGreenPlan(seconds) : parseCanary(shares, seconds);
  } catch (error) {
    throw error instanceof RangeError ? wrong(error.message) : error;
  }
}

/**
 * For a canary, or blue-green, both releases have to work for as long as it takes.
 *
 * @throws UserError where a migration that is to run breaks the one before
 */
export function refuseBreaking(looked: Looked, migrations: readonly Applied[]): void {
  // Where nothing runs there is nothing to break, and where it cannot be asked the checks before this one have refused.
  if (looked.kind !== "seen") return;
  const breaking = pendingOf(migrations, looked.look.applied).find(({ phase }) => phase === "incompatible");
  if (breaking === undefined) return;
  throw new UserError(
    `${breaking.file} is incompatible: the release that serves stops working when it runs, and both have to work beside each other. Nothing was changed. Deploy without --canary and --blue-green.`,
    EXIT.usage,
  );
}
