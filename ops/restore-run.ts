import { EXIT, type BroughtBack, type ListResult, type RestorePlan, type RestoreResult } from "../backup/protocol.ts";
import { UserError, wasInterrupted } from "../toolchain/command.ts";
import type { RouteResult } from "../toolchain/smoke.ts";
import { shellQuote } from "../toolchain/env.ts";
import { broughtBackSchema, listSchema, planSchema, restoreSchema } from "./agent-messages.ts";
import type { AgentSteps } from "./agent-steps.ts";
import type { Agent } from "./agent.ts";
import { answerOf } from "./answer-of.ts";
import type { Attempts, FoundAttempt } from "./attempts.ts";
import { generationFor, switchTo } from "./generations.ts";
import { checkReach, type Moment } from "./moment.ts";
import { counted, formatSpan } from "./quantities.ts";
import { nextStep, type NextStep, type Refusal } from "./restore-steps.ts";
import type { Switching } from "./switching.ts";

export interface RestoreRunArgs {
  readonly stack: string;
  readonly moment: Moment;
  /** Asked for when it is needed: after the switch there is nothing to ask it. */
  readonly findAgent: () => Promise<Asker>;
  readonly attempts: Omit<Attempts, "generations" | "remove">;
  readonly switching: Switching;
  readonly shown: AgentSteps;
  /** Says a line among the steps. */
  readonly say: (line: string) => void;
}

/** The backup agent of a stack, wherever it is. */
export type Asker = Pick<Agent, "ask">;

/** A restore that has come to its end. */
export interface Restored {
  readonly generation: string;
  /** The generation that served before; it is kept. */
  readonly before: string;
  /** Name of the disk of Postgres: a volume, or a claim. */
  readonly volume: string;
  readonly volumeBefore: string;
  /** What it was to lose when it was begun; absent where an earlier run has begun it. */
  readonly plan?: RestorePlan;
  /** Absent where what filled it was gone already. */
  readonly result?: RestoreResult;
  /** Artifacts that came back; absent where an earlier run has brought them. */
  readonly broughtBack?: BroughtBack;
  readonly routes: readonly RouteResult[];
}

/** One restore, from wherever an earlier run has left it to its end. */
export class RestoreRun {
  readonly #args: RestoreRunArgs;
  #failure: UserError | undefined;
  #plan: RestorePlan | undefined;
  #result: RestoreResult | undefined;
  #broughtBack: BroughtBack | undefined;
  #routes: readonly RouteResult[] | undefined;
  #isFollowed = false;

  constructor(args: RestoreRunArgs) {
    this.#args = args;
  }

  /**
   * Asks the agent what a restore would reach and lose; changes nothing.
   *
   * @throws UserError where it cannot say
   */
  async plan(): Promise<RestorePlan> {
    const agent = await this.#args.findAgent();
    checkReach(this.#args.moment, await this.#list(agent));
    return this.#planBy(agent);
  }

  async #list(agent: Asker): Promise<ListResult> {
    return (await agent.ask({ words: ["list"], schema: listSchema, shown: this.#args.shown })).result;
  }

  async #planBy(agent: Asker): Promise<RestorePlan> {
    const words = ["plan", "--to", this.#args.moment.to];
    return (await agent.ask({ words, schema: planSchema, shown: this.#args.shown })).result;
  }

  /** The restore that an earlier run has left, and what this one would do about it. */
  async left(): Promise<{ readonly attempt: FoundAttempt; readonly step: NextStep } | undefined> {
    const attempt = await this.#args.attempts.find();
    return attempt && { attempt, step: this.#next(attempt) };
  }

  /**
   * Takes step after step, each from what there is at that moment, until there is none left.
   *
   * @throws UserError saying what state things are in
   */
  async run(): Promise<Restored> {
    for (;;) {
      const attempt = await this.#args.attempts.find();
      const step = this.#next(attempt);
      if (step === "done") return this.#restored();
      if (typeof step === "object") throw this.#refused(step);
      await this.#take(step, attempt);
    }
  }

  #next(attempt: FoundAttempt | undefined): NextStep {
    const { moment, switching } = this.#args;
    return nextStep({
      typed: moment.typed,
      isFixed: moment.isFixed,
      current: switching.generations().current,
      ...(attempt && { attempt }),
      isFollowed: this.#isFollowed,
      isProven: this.#routes !== undefined,
    });
  }

  async #take(step: Exclude<NextStep, Refusal | "done">, attempt: FoundAttempt | undefined): Promise<void> {
    const { attempts, switching } = this.#args;
    if (step === "begin") {
      await this.#begin();
      return;
    }
    // All but the first are steps of something that was begun.
    if (attempt === undefined) throw new Error(`${step} without a restore that was begun`);
    switch (step) {
      case "start":
        await attempts.start(attempt);
        return;
      case "follow":
        await this.#follow(attempt);
        return;
      case "discard":
        await attempts.discard(attempt, switching.generations());
        return;
      case "switch":
        await this.#bringBack(attempt);
        await switching.change(switchTo(switching.generations(), attempt.generation));
        return;
      case "deploy":
        await this.#deploy(attempt);
        return;
      case "tidy":
        await attempts.tidy(attempt);
    }
  }

  async #begin(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { stack, moment, attempts, switching, findAgent } = this.#args;
    const agent = await findAgent();
    const list = await this.#list(agent);
    checkReach(moment, list);
    this.#plan = await this.#losses(agent);
    const target = this.#plan?.target ?? targetOf(moment, list);
    const generation = generationFor(target, switching.generations());
    await attempts.begin({ stack, generation, target, typed: moment.typed, to: moment.to });
  }

  /** Where the database is what is broken, nobody can count what would be lost: that must not keep it from being brought back. */
  async #losses(agent: Asker): Promise<RestorePlan | undefined> {
    const { say } = this.#args;
    try {
      const plan = await this.#planBy(agent);
      say(`  ${lossOf(plan)}`);
      return plan;
    } catch (error) {
      if (!(error instanceof UserError) || wasInterrupted()) throw error;
      say(`  What will be lost could not be counted: ${error.message}`);
      return undefined;
    }
  }

  /** A fault is kept until what it has left is cleared away. */
  async #follow(attempt: FoundAttempt): Promise<void> {
    const { current } = this.#args.switching.generations();
    try {
      await this.#read(attempt);
      this.#isFollowed = true;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const how = wasInterrupted() ? "Interrupted." : error.message;
      this.#failure = new UserError(
        `${how}\nNothing was changed: the generation ${current} serves on, and what had been restored was removed.`,
        wasInterrupted() ? 130 : error.exitCode,
      );
    }
  }

  /** What one has said that ended well may be gone, as with the node that it was on: that keeps nothing from its end. */
  async #readAgain(attempt: FoundAttempt): Promise<void> {
    try {
      await this.#read(attempt);
    } catch (error) {
      if (!(error instanceof UserError) || wasInterrupted() || attempt.exitCode !== 0) throw error;
      this.#args.say(`  It had ended well; what it said cannot be read any more.`);
    }
  }

  async #read(attempt: FoundAttempt): Promise<void> {
    const { attempts, shown } = this.#args;
    this.#result = await answerOf({ command: "restore", schema: restoreSchema, shown }, (to) =>
      attempts.follow(attempt, to),
    );
  }

  /** Before the switch: what serves then has its artifacts, and where they cannot come nothing was changed. */
  async #bringBack(attempt: FoundAttempt): Promise<void> {
    const { attempts, switching, shown } = this.#args;
    try {
      this.#broughtBack = await answerOf({ command: "bring-back", schema: broughtBackSchema, shown }, (to) =>
        attempts.bringBack(attempt, to),
      );
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const how = wasInterrupted() ? "Interrupted." : `Artifacts could not be brought back: ${error.message}`;
      const { current } = switching.generations();
      throw new UserError(
        `${how}\nNothing was switched: the generation ${current} serves on, and what was restored beside it stays. Go on: run the same again.`,
        wasInterrupted() ? 130 : error.exitCode,
      );
    }
  }

  async #deploy(attempt: FoundAttempt): Promise<void> {
    const { switching, say, stack } = this.#args;
    // A run before this one has seen it end.
    if (this.#result === undefined) {
      say(
        `  The restore to ${attempt.target}, begun ${attempt.since}, had not come to its end; this run brings it there.`,
      );
      await this.#readAgain(attempt);
    }
    try {
      this.#routes = await switching.deploy();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const { kept, current } = switching.generations();
      throw new UserError(
        `${error.message}\n\nPulumi.${stack}.yaml names the generation ${current} already. The data before it is kept. Go on: run the same again. ` +
          `Go back: ./slipway restore --back --to ${kept.at(-1) ?? ""} --yes${stackOption(stack)}`,
        error.exitCode,
      );
    }
  }

  #restored(): Restored {
    const { attempts, switching } = this.#args;
    const { current, kept } = switching.generations();
    const before = kept.at(-1) ?? current;
    return {
      ...{ generation: current, before },
      volume: attempts.disks(current)[0].name,
      volumeBefore: attempts.disks(before)[0].name,
      ...(this.#plan && { plan: this.#plan }),
      ...(this.#result && { result: this.#result }),
      ...(this.#broughtBack && { broughtBack: this.#broughtBack }),
      routes: this.#routes ?? [],
    };
  }

  #refused({ because, attempt: { typed, generation } }: Refusal): UserError {
    const { stack, switching } = this.#args;
    const again = `./slipway restore --to ${shellQuote(typed)} --yes${stackOption(stack)}`;
    if (because === "running")
      return new UserError(`A restore to ${typed} runs already. Follow it: ${again}. End it: ^C there.`, EXIT.busy);
    const back = `./slipway restore --back --to ${switching.generations().kept.at(-1) ?? ""} --yes${stackOption(stack)}`;
    return new UserError(
      `A restore to ${typed} has switched Pulumi.${stack}.yaml to the generation ${generation} and has not come to its end. ` +
        `Bring it there: ${again}. Or go back: ${back}`,
      EXIT.busy,
    );
  }
}

/** The moment that a restore goes to, as far as the list of backups tells. */
function targetOf({ to }: Moment, { backups, archive }: ListResult): string {
  const labelled = backups.find(({ label }) => label === to)?.endedAt;
  return labelled ?? (to === "latest" ? (archive.reachesTo ?? new Date().toISOString()) : to);
}

/** What a restore costs, in a sentence. */
export function lossOf({ lostSeconds, jobsLost, jobsAgain }: RestorePlan): string {
  return (
    `Goes back ${formatSpan(lostSeconds)}: ${counted(jobsLost, "job")} accepted since will be gone, ` +
    `${counted(jobsAgain, "job")} that ended since will run again, and so on with what comes until the switch.`
  );
}

/** ` --stack name`, where it is not the default one. */
export function stackOption(stack: string): string {
  return stack === "dev" ? "" : ` --stack ${stack}`;
}
