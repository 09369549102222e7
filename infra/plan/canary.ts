/** Names the shares of a canary where `pulumi` is called: `SLIPWAY_CANARY=10,50,100 pulumi up`; or `blue-green`. */
export const CANARY = "SLIPWAY_CANARY";
/** Seconds of each share, beside {@link CANARY}. */
export const CANARY_SECONDS = "SLIPWAY_CANARY_SECONDS";

/** What everything begins with that a canary says while it runs, and what it is known by where it failed. */
export const CANARY_SAID = "Canary";
export const CANARY_GIVEN_UP = "The canary was given up";

/** What stands in {@link CANARY} in place of shares, and the same of it. */
const BLUE_GREEN = "blue-green";
export const BLUE_GREEN_SAID = "Blue-green";
const BLUE_GREEN_GIVEN_UP = "The blue-green release was given up";

/** The new release runs beside the one that serves, and gets more and more of the requests, or all of them at one moment. */
export interface CanaryPlan {
  /** Percent of requests, growing. 100 alone is blue-green; else the first is below, as there would be nothing to compare with. */
  readonly shares: readonly number[];
  /** How long each of them takes. */
  readonly seconds: number;
}

/** When a new release counts as worse than the one before. */
export const CANARY_LIMITS = {
  /** Seconds of each share, where nobody says otherwise. */
  seconds: 60,
  /** Seconds between two looks at errors and at what is not well. */
  lookEverySeconds: 2,
  /** Requests that both releases must have answered until one is judged by them. */
  minRequests: 50,
  /** How many times its seconds a share may take until there are so many. */
  patience: 5,
  /** Answers 5xx and none at all: so many, so many points of percent more than the other, and no accident. */
  errors: { atLeast: 3, points: 1 },
  /** The same of answers 4xx, which are the client's own fault more often. */
  refusals: { atLeast: 10, points: 10 },
  /** The same of attempts of jobs, where workers of both releases run. */
  jobs: { atLeast: 3, points: 1 },
  /** Standard errors by which two rates must differ to be no accident: one in 700. */
  standardErrors: 3,
  /** Time until an answer begins: so many times that of the other release, and milliseconds on top. */
  latency: [
    { quantile: 0.5, factor: 2, extraMs: 25 },
    { quantile: 0.95, factor: 2, extraMs: 150 },
  ],
} as const;

/** @throws RangeError where the text is no list of shares, or the seconds are none */
export function parseCanary(shares: string, seconds: string | undefined): CanaryPlan {
  const parts = shares.split(",").map((part) => part.trim());
  const numbers = parts.map(Number);
  const isGood = parts.every((part, index) => {
    const [share = 0, before = 0] = [numbers[index], numbers[index - 1]];
    return /^\d{1,3}$/.test(part) && share > before && share <= 100;
  });
  if (!isGood || numbers[0] === 100)
    throw new RangeError(
      `The shares of a canary are ${JSON.stringify(shares)}; allowed are whole percents that grow, the first below 100, such as 10,50,100.`,
    );
  return { shares: numbers, seconds: secondsOf(seconds) };
}

/** @throws RangeError where they are none */
function secondsOf(seconds: string | undefined): number {
  if (seconds === undefined) return CANARY_LIMITS.seconds;
  if (/^\d{1,5}$/.test(seconds) && Number(seconds) > 0) return Number(seconds);
  throw new RangeError(
    `The seconds of a canary's share are ${JSON.stringify(seconds)}; allowed is a whole number from 1 to 99999.`,
  );
}

/** All requests go to the new release at one moment, and back at one where it is worse than the one before was. */
export function blueGreenPlan(seconds: string | undefined): CanaryPlan {
  return { shares: [100], seconds: secondsOf(seconds) };
}

export function isBlueGreen({ shares }: CanaryPlan): boolean {
  return shares[0] === 100;
}

/** What everything begins with that is said of it, and what is said where it failed. */
export function textsOf(plan: CanaryPlan): { readonly said: string; readonly givenUp: string } {
  return isBlueGreen(plan)
    ? { said: BLUE_GREEN_SAID, givenUp: BLUE_GREEN_GIVEN_UP }
    : { said: CANARY_SAID, givenUp: CANARY_GIVEN_UP };
}

/** What the caller of `pulumi` wants; nothing where it wants no canary. */
export function canaryOfCaller(env: Readonly<Record<string, string | undefined>>): CanaryPlan | undefined {
  const shares = env[CANARY] ?? "";
  if (shares === "") return undefined;
  return shares === BLUE_GREEN ? blueGreenPlan(env[CANARY_SECONDS]) : parseCanary(shares, env[CANARY_SECONDS]);
}

/** How it is said to a program that `pulumi` runs. */
export function canaryEnvironment(plan: CanaryPlan | undefined): Readonly<Record<string, string>> {
  if (plan === undefined) return { [CANARY]: "" };
  return { [CANARY]: isBlueGreen(plan) ? BLUE_GREEN : plan.shares.join(","), [CANARY_SECONDS]: String(plan.seconds) };
}
