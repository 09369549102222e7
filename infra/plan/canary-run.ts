import { CANARY_GIVEN_UP, CANARY_LIMITS, CANARY_SAID, type CanaryPlan } from "./canary.ts";
import { Figures, judge, worseRate, type Answered, type Verdict } from "./canary-figures.ts";

/** What the run of a canary needs of the world. */
export interface CanaryWorld {
  /** From the next request on, so many percent go to the new release. */
  readonly send: (percent: number) => Promise<void>;
  /** What of the new release is not well any more, and why: a container or pod that ended, jobs that fail. */
  readonly unwell: () => Promise<string | undefined>;
  /** What else is known of both releases, for people. @default nothing */
  readonly besides?: () => string;
  /** Says how it goes. */
  readonly say: (text: string) => Promise<void>;
  readonly sleep: (seconds: number) => Promise<void>;
}

/** The new release is worse than the one before, or nothing could be said of it. Everything goes to the one before again. */
export class CanaryError extends Error {
  constructor(percent: number, why: string, figures: string) {
    super(`${CANARY_GIVEN_UP} at ${percent} %: ${why}. Everything goes to the release before again.\n${figures}`);
    this.name = "CanaryError";
  }
}

/** What both releases answered, during a share and during all of them. */
export class Tally {
  release = new Figures();
  before = new Figures();
  #beforeOfAll = new Figures();

  add(which: "release" | "before", answered: Answered): void {
    this[which].add(answered);
    if (which === "before") this.#beforeOfAll.add(answered);
  }

  begin(): void {
    this.release = new Figures();
    this.before = new Figures();
  }

  /** What the new release is compared with: the same time, unless next to nothing goes to the one before any more. */
  get baseline(): Figures {
    return this.before.requests < CANARY_LIMITS.minRequests ? this.#beforeOfAll : this.before;
  }
}

/**
 * Sends the new release more and more of the requests, and compares it with the one before after each share.
 *
 * @param tally somebody else adds to it while this runs
 * @throws CanaryError once it is worse, and whatever the world throws; the one before gets everything again then
 */
export async function runCanary(plan: CanaryPlan, world: CanaryWorld, tally: Tally): Promise<void> {
  try {
    for (const percent of plan.shares) {
      tally.begin();
      await world.send(percent);
      const verdict = await watch(plan.seconds, world, tally);
      const figures = `the new release: ${String(tally.release)}; the one before: ${String(tally.baseline)}${world.besides?.() ?? ""}`;
      if (verdict.kind !== "good") throw new CanaryError(percent, verdict.why, figures);
      await world.say(`${CANARY_SAID} at ${percent} % is good. ${figures}`);
    }
  } catch (error) {
    // What goes wrong with that must not hide why.
    await world.send(0).catch((fault: unknown) => world.say(`${CANARY_SAID}: ${String(fault)}`));
    throw error;
  }
}

/** The time of one share. Errors and dead containers end it at once, latency is looked at in the end: the first requests are the slowest. */
async function watch(seconds: number, world: CanaryWorld, tally: Tally): Promise<Verdict> {
  for (let passed = 0; ;) {
    const { lookEverySeconds } = CANARY_LIMITS;
    const part = Math.min(lookEverySeconds, passed < seconds ? seconds - passed : lookEverySeconds);
    await world.sleep(part);
    passed += part;
    const { release, baseline } = tally;
    const verdict = judge(release, baseline);
    const unwell = await world.unwell();
    if (unwell !== undefined) return { kind: "bad", why: unwell };
    const isEarly = passed < seconds;
    const worse = verdict.kind === "too few" ? undefined : worseRate(release, baseline);
    if (worse !== undefined) return { kind: "bad", why: worse };
    if (!isEarly && (verdict.kind !== "too few" || passed >= seconds * CANARY_LIMITS.patience)) return verdict;
  }
}
