/**
 * What a restore does next, seen from what there is. Nothing is remembered beside the engine and the stack's file, so that a restore that was
 * killed anywhere goes on from there when it is run again:
 *
 *   begin → (container made) start → (running) follow → (ended well) switch → (file says so) deploy → tidy → done
 *
 * One that ended badly, or was for another moment, is discarded first: its volume never served.
 */

/** A restore that has been begun: a container that fills the volume of a generation. */
export interface Attempt {
  readonly generation: string;
  /** What `--to` was, as it was typed. */
  readonly typed: string;
  readonly state: "made" | "running" | "ended";
  /** Where it has ended. */
  readonly exitCode?: number;
  readonly hasVolume: boolean;
}

/** What there is, and what this run has seen. */
export interface Situation {
  /** What `--to` is now. */
  readonly typed: string;
  /** Whether that means the same whenever it is typed. */
  readonly isFixed: boolean;
  /** The generation that the stack's file names. */
  readonly current: string;
  readonly attempt?: Attempt;
  /** Whether this run has filled the volume, or waited for it. */
  readonly isFollowed: boolean;
  /** Whether this run has deployed, and the stack has passed its smoke check. */
  readonly isProven: boolean;
}

export type NextStep = "begin" | "start" | "follow" | "discard" | "switch" | "deploy" | "tidy" | "done" | Refusal;

/** Another restore is in the way. */
export interface Refusal {
  readonly because: "running" | "half-switched";
  readonly attempt: Attempt;
}

/** The next step of a restore, and of one that goes on. */
export function nextStep(situation: Situation): NextStep {
  const { attempt, typed, current, isProven } = situation;
  if (attempt === undefined) return isProven ? "done" : "begin";
  const isSame = attempt.typed === typed;
  if (attempt.generation === current) {
    // The next deploy of anybody switches: whoever wants something else has to decide that first.
    if (!isSame) return { because: "half-switched", attempt };
    return isProven ? "tidy" : "deploy";
  }
  if (attempt.state === "running") return isSame ? "follow" : { because: "running", attempt };
  if (!isSame || !attempt.hasVolume) return "discard";
  if (attempt.state === "made") return "start";
  return attempt.exitCode === 0 && isStillMeant(situation) ? "switch" : "discard";
}

/** `latest` of an hour ago is not the latest: what came since would be lost without need. */
function isStillMeant({ isFixed, isFollowed }: Situation): boolean {
  return isFixed || isFollowed;
}
