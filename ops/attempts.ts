import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import type { Lines } from "../toolchain/lines.ts";
import type { Generations } from "./generations.ts";
import type { RestoreOrder } from "./restore-container.ts";
import type { Attempt } from "./restore-steps.ts";
import type { Disks } from "./volumes.ts";

/** A restore that was begun, with what fills its disk: a container, or a job of a cluster. */
export interface FoundAttempt extends Attempt {
  readonly id: string;
  readonly target: string;
  /** When it was begun. */
  readonly since: string;
}

/** Restores of one stack, and disks of its generations, as its platform has them. Nothing is remembered beside it. */
export interface Attempts {
  /** The restore that was begun last, if there is one. */
  find(): Promise<FoundAttempt | undefined>;
  /**
   * Makes a disk and what fills it, which is not started. A disk of that name that nobody declares was left by a run that was killed.
   *
   * @throws UserError where another one is begun at this moment
   */
  begin(order: RestoreOrder): Promise<void>;
  start(attempt: FoundAttempt): Promise<void>;
  /**
   * Reads what a restore says, from its beginning, until it has ended. Where this process is told to end, the restore is.
   *
   * @returns its exit code
   */
  follow(attempt: FoundAttempt, to: Lines): Promise<number>;
  /**
   * Brings artifacts back that the restore has found missing, by something that is made for that alone. One that an earlier run has left is
   * ended first: what it brought stays.
   *
   * @returns its exit code
   */
  bringBack(attempt: FoundAttempt, to: Lines): Promise<number>;
  /** Removes a restore that never served, with its disk. */
  discard(attempt: FoundAttempt, declared: Generations): Promise<void>;
  /** Removes what has filled a disk, and leaves the disk. */
  tidy(attempt: FoundAttempt): Promise<void>;
  /** Generations whose Postgres has a disk. */
  generations(): Promise<readonly string[]>;
  /** Disks of a generation, whether they are there or not. */
  disks(generation: string): Disks;
  /** Deletes those disks of a generation that a deploy has not: it knows nothing of them. */
  remove(generation: string): Promise<void>;
}

/** Two runs at once: the one that came second. */
export function begunTwice(stack: string): UserError {
  return new UserError(`Another restore of ${stack} was begun at this very moment. Run this again.`, EXIT.busy);
}
