import { CANARY_LIMITS, CANARY_SAID, isBlueGreen, textsOf, type CanaryPlan } from "./canary.ts";
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
  constructor(plan: CanaryPlan, percent: number, why: string, figures: string) {
    const at = isBlueGreen(plan) ? "" : ` at ${percent} %`;
    const rest =
      percent === 0 ? "The release before has everything still." : "Everything goes to the release before again.";
    super(`${textsOf(plan).givenUp}${at}: ${why}. ${rest}\n${figures}`);
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

  /** What was seen until now is not compared with: pods that come up slow those beside them down. */
  beginAnew(): void {
    this.begin();
    this.#beforeOfAll = new Figures();
  }

  /** What the new release is compared with: the same time, unless next to nothing goes to the one before any more. */
  get baseline(): Figures {
    return this.before.requests < CANARY_LIMITS.minRequests ? this.#beforeOfAll : this.before;
  }
}

/**
 * Sends the new release more and more of the requests, and compares it with the one before after each share. Where it gets all at once the one before is
 * measured first.
 *
 * @param tally somebody else adds to it while this runs
 * @throws CanaryError once it is worse, and whatever the world throws; the one before gets everything again then
 */
export async function runCanary(plan: CanaryPlan, world: CanaryWorld, tally: Tally): Promise<void> {
  try {
    if (isBlueGreen(plan)) await measure(plan, world, tally);
    for (const percent of plan.shares) {
      tally.begin();
      await world.send(percent);
      const verdict = await watch(plan.seconds, world, tally);
      const figures = `the new release: ${String(tally.release)}; the one before: ${String(tally.baseline)}${world.besides?.() ?? ""}`;
      if (verdict.kind !== "good") throw new CanaryError(plan, percent, verdict.why, figures);
      const what = isBlueGreen(plan) ? textsOf(plan).said : `${CANARY_SAID} at ${percent} %`;
      await world.say(`${what} is good. ${figures}`);
    }
  } catch (error) {
    // What goes wrong with that must not hide why.
    await world.send(0).catch((fault: unknown) => world.say(`${textsOf(plan).said}: ${String(fault)}`));
    throw error;
  }
}

/**
 * What the release before answers while it has everything, which the new one is compared with later.
 *
 * @throws CanaryError where the new one is not well, or that says nothing: then not a request has gone to it
 */
async function measure(plan: CanaryPlan, world: CanaryWorld, tally: Tally): Promise<void> {
  const { lookEverySeconds, minRequests, patience } = CANARY_LIMITS;
  const { seconds } = plan;
  tally.beginAnew();
  for (let passed = 0; passed < seconds || tally.before.requests < minRequests;) {
    const part = Math.min(lookEverySeconds, passed < seconds ? seconds - passed : lookEverySeconds);
    await world.sleep(part);
    passed += part;
    const isLate = passed >= seconds * patience && tally.before.requests < minRequests;
    const few = `${tally.before.requests} requests in ${passed} s, at least ${minRequests} say something`;
    const why = (await world.unwell()) ?? (isLate ? few : undefined);
    if (why !== undefined) throw new CanaryError(plan, 0, why, `the one before: ${String(tally.before)}`);
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
