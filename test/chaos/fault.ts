import type { Program } from "./program.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/**
 * Faults of a lane come one after the other, those of different lanes at the same time.
 * quick: over in a moment. processes: of our programs. servers: of what they stand on.
 */
export const LANES = ["quick", "processes", "servers"] as const;
export type LaneName = (typeof LANES)[number];

/** One kind of fault. */
export interface Fault {
  readonly name: string;
  readonly what: string;
  readonly lane: LaneName;
  /** How often it comes, beside the others of its lane. */
  readonly weight: number;
  /** Nothing can be expected to go on while it lasts. */
  readonly outage?: boolean;
  /**
   * Lasts as long as the fault does.
   *
   * @returns false where it could not be done this time, such as a point that no program came to
   */
  readonly run: (scene: Scene) => Promise<boolean>;
}

/** What a fault has to work with. */
export interface Scene {
  readonly world: World;
  /** Of this fault alone. */
  readonly random: Random;
  /** Faults that last take their full time, such as a hang of 30 s. */
  readonly long: boolean;
  /** Notes what a worker held when it was hit. */
  readonly hit: (worker: Program) => Promise<void>;
  /** Notes a point at which a program died. */
  readonly died: (point: string) => void;
}
