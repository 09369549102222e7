import type { Logger } from "../jobs/log.ts";
import { reasonOf } from "../jobs/patience.ts";
import { lastGood, warningsOf, type Situation } from "./conditions.ts";
import { Busy } from "./lock.ts";
import type { BackupRecord, BackupType, DrillResult, VerifyResult } from "./protocol.ts";
import { dueWork, type Timetable, type Work } from "./timetable.ts";
import type { Failing } from "../jobs/health.ts";

/** Time as the agent sees it; tests have their own. */
export interface Clock {
  now(): Date;
  /** Ends early, without an error, when the signal fires. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** What the agent does, one at a time. Each throws where it fails, and Busy where somebody else does it. */
export interface AgentWork {
  /** Makes ready what backups need, such as the stanza: before the first one, and until it went well. */
  readonly prepare: () => Promise<void>;
  readonly backup: (type: BackupType) => Promise<BackupRecord>;
  readonly drill: () => Promise<DrillResult>;
  readonly verify: () => Promise<VerifyResult>;
  /** Brings artifacts that are new into the repository. */
  readonly mirror: () => Promise<unknown>;
  /** What there is now, but for what the loop knows itself. */
  readonly look: () => Promise<Omit<Situation, "failed" | "verifyFaults">>;
}

export interface ServeDeps {
  readonly work: AgentWork;
  readonly timetable: Timetable;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told what ended: how long it took, and why it failed. */
  readonly onEnded?: (work: string, seconds: number, reason?: string) => void;
}

/** The agent's loop. */
export interface Serving {
  readonly situation: () => Situation;
  readonly warnings: () => readonly Failing[];
  readonly running: () => Work | undefined;
  /** Why it cannot work at all; nothing where it can. */
  readonly failing: () => Failing[];
  /** Ends when what runs has noticed that it has to; `signal` of what it was given should fire first. */
  close(): Promise<void>;
}

/** Pause between two looks, in milliseconds. */
const PAUSE_MS = 30_000;
/** Pause before the agent tries to begin again, doubled each time up to the one between two looks: Postgres may still start. */
const FIRST_PAUSE_MS = 1000;
/** Pause between two mirrors, in milliseconds: artifacts are not in the WAL. */
const MIRROR_MS = 5 * 60_000;
/** Pause after a first failure, doubled with each further one, in milliseconds. */
const FIRST_BACKOFF_MS = 60_000;
const LONGEST_BACKOFF_MS = 60 * 60_000;

const NOTHING: Situation = { backups: [], isEscrowed: false, verifyFaults: [], failed: new Map() };

/** Runs backups and drills when they are due, and looks around in between. */
export function startServing(deps: ServeDeps): Serving {
  const loop = new ServingLoop(deps);
  return {
    situation: () => loop.situation,
    warnings: () => loop.warnings,
    running: () => loop.running,
    failing: () => loop.failing(),
    close: () => loop.close(),
  };
}

type Step = keyof AgentWork;

class ServingLoop {
  readonly #deps: ServeDeps;
  readonly #stopped = new AbortController();
  readonly #ended: Promise<void>;
  /** Failures in a row, and when the next try may be. */
  readonly #backoff = new Map<string, { readonly failures: number; readonly until: number }>();
  readonly #failed = new Map<Work | "mirror" | "look" | "verify", string>();
  #verifyFaults: readonly string[] = [];
  #seen: Omit<Situation, "failed" | "verifyFaults"> = NOTHING;
  #isPrepared = false;
  #hasLooked = false;
  #prepareFault = "still starts";
  #prepareFailures = 0;
  #mirrorAt = 0;
  #told = new Set<string>();
  running: Work | undefined;

  constructor(deps: ServeDeps) {
    this.#deps = deps;
    this.#ended = this.#run();
  }

  get situation(): Situation {
    return { ...this.#seen, verifyFaults: this.#verifyFaults, failed: this.#failed };
  }

  get warnings(): readonly Failing[] {
    // Before the first look nothing is known, and nothing said.
    return this.#hasLooked ? warningsOf(this.situation, this.#deps.timetable, this.#deps.clock.now()) : [];
  }

  failing(): Failing[] {
    return this.#isPrepared ? [] : [{ dependency: "repository", reason: this.#prepareFault }];
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#turn();
      await clock.sleep(this.#pauseMs(), signal);
    }
  }

  #pauseMs(): number {
    return this.#isPrepared ? PAUSE_MS : Math.min(FIRST_PAUSE_MS * 2 ** (this.#prepareFailures - 1), PAUSE_MS);
  }

  async #turn(): Promise<void> {
    const { work, timetable, clock } = this.#deps;
    if (!this.#isPrepared) await this.#prepare();
    if (!this.#isPrepared) return;
    await this.#look();
    // Not before it is known what there is: else every start would make a backup.
    if (!this.#hasLooked) return;
    for (const due of dueWork(timetable, lastGood(this.situation), clock.now())) {
      if (this.#stopped.signal.aborted) return;
      await this.#try(due, due === "drill" ? () => this.#drill() : () => work.backup(due));
      await this.#look();
    }
    const now = clock.now().getTime();
    if (now - this.#mirrorAt >= MIRROR_MS && !this.#stopped.signal.aborted) {
      this.#mirrorAt = now;
      await this.#try("mirror", work.mirror);
    }
    this.#tellWarnings();
  }

  async #prepare(): Promise<void> {
    try {
      await this.#deps.work.prepare();
      this.#isPrepared = true;
    } catch (error) {
      this.#prepareFault = reasonOf(error);
      this.#prepareFailures += 1;
      // What a start takes is no error yet.
      const level = this.#pauseMs() < PAUSE_MS ? "info" : "error";
      this.#deps.log[level]({ err: error }, `the repository cannot be made ready: ${this.#prepareFault}`);
    }
  }

  async #look(): Promise<void> {
    try {
      this.#seen = await this.#deps.work.look();
      this.#hasLooked = true;
      this.#failed.delete("look");
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      this.#failed.set("look", reasonOf(error));
      this.#deps.onEnded?.("look", 0, kindOf(error));
    }
  }

  /** Everything is read before the newest backup is tried: older ones are damaged without anybody restoring them. */
  async #drill(): Promise<void> {
    await this.#try("verify", async () => {
      const { sets, faults } = await this.#deps.work.verify();
      const all = sets.flatMap((set) => set.faults.map((fault) => `${set.label}: ${fault}`));
      this.#verifyFaults = [...faults.filter((fault) => !fault.startsWith("key-not-escrowed")), ...all];
    });
    await this.#deps.work.drill();
  }

  /** Tries a piece of work unless it failed too short ago. */
  async #try(name: Work | Exclude<Step, "backup" | "prepare">, work: () => Promise<unknown>): Promise<void> {
    const { clock, log, onEnded } = this.#deps;
    const began = clock.now().getTime();
    if (began < (this.#backoff.get(name)?.until ?? 0)) return;
    if (isWork(name)) this.running = name;
    try {
      await work();
      this.#backoff.delete(name);
      this.#failed.delete(name);
      const seconds = (clock.now().getTime() - began) / 1000;
      onEnded?.(name, seconds);
      log.info({ work: name, seconds }, "done");
    } catch (error) {
      // Told to stop: it was no failure.
      if (this.#stopped.signal.aborted) return;
      this.#postpone(name, error);
    } finally {
      if (isWork(name)) this.running = undefined;
    }
  }

  #postpone(name: Work | Exclude<Step, "backup" | "prepare">, error: unknown): void {
    const { clock, log, onEnded } = this.#deps;
    const now = clock.now().getTime();
    if (error instanceof Busy) {
      // Somebody else is at it, and that is as good.
      this.#backoff.set(name, { failures: 0, until: now + FIRST_BACKOFF_MS });
      log.info({ work: name }, `waits: ${error.message}`);
      return;
    }
    const failures = (this.#backoff.get(name)?.failures ?? 0) + 1;
    const pauseMs = Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), LONGEST_BACKOFF_MS);
    this.#backoff.set(name, { failures, until: now + pauseMs });
    this.#failed.set(name, reasonOf(error));
    onEnded?.(name, 0, kindOf(error));
    log.error({ err: error, work: name, failures, againInSeconds: pauseMs / 1000 }, `failed: ${reasonOf(error)}`);
  }

  /** Each once when it begins, and once when it is over. */
  #tellWarnings(): void {
    const { log } = this.#deps;
    const warnings = this.warnings;
    const names = new Set(warnings.map(({ dependency }) => dependency));
    for (const { dependency, reason } of warnings)
      if (!this.#told.has(dependency)) log.error({ warning: dependency }, `${dependency}: ${reason}`);
    for (const name of this.#told) if (!names.has(name)) log.info({ warning: name }, `${name}: over`);
    this.#told = names;
  }
}

function isWork(name: string): name is Work {
  return name === "full" || name === "incr" || name === "drill";
}

/** A word for metrics: an error's name says enough to tell reasons apart, and its message would make a series each time. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if ("code" in error && typeof error.code === "string") return error.code;
  if (/no space left|ENOSPC|disk full/i.test(error.message)) return "ENOSPC";
  return error.name;
}
