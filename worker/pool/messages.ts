import type { LogLevel } from "../../configs/runtime.ts";
import type { Artifact, JobFailure } from "../../jobs/job.ts";
import type { Member, Progress } from "../../jobs/kind.ts";
import type { SpeechSettings } from "../engines.ts";
import type { Work } from "../runner.ts";

/**
 * What the worker and its places (processes or threads) tell each other. Everything travels in batches: an array of what
 * was said in one turn of the event loop.
 */

/** All that a place is given. It comes as a message: command lines and environments can be read by others. */
export interface PlaceSettings {
  /** From 1. */
  readonly place: number;
  readonly logLevel: LogLevel;
  readonly objectsUrl: string;
  readonly speech: SpeechSettings;
}

export type ToPlace =
  | { readonly is: "start"; readonly settings: PlaceSettings }
  | { readonly is: "run"; readonly run: number; readonly work: Work }
  /** The handler is to stop; `done` is still expected. */
  | { readonly is: "abort"; readonly run: number; readonly name: string; readonly message: string }
  | { readonly is: "members"; readonly question: number; readonly page: readonly Member[] }
  | { readonly is: "no-members"; readonly question: number; readonly reason: string }
  /** Nobody wanted what a handler stored. */
  | { readonly is: "drop"; readonly key: string }
  | { readonly is: "close" };

export type FromPlace =
  | { readonly is: "ready" }
  /** It cannot become ready. */
  | { readonly is: "broken"; readonly reason: string }
  | { readonly is: "done"; readonly run: number; readonly outcome: PlainOutcome }
  | { readonly is: "progress"; readonly run: number; readonly progress: Progress }
  | { readonly is: "members"; readonly run: number; readonly question: number; readonly after: number };

/** An outcome as it travels: the result is JSON already, so that one that is none hurts its own job only. */
export type PlainOutcome =
  | { readonly is: "success"; readonly json: string | undefined; readonly artifact: Artifact | undefined }
  | {
      readonly is: "failure";
      readonly failure: JobFailure;
      readonly permanent: boolean;
      readonly artifact: Artifact | undefined;
    };

/** Collects what is said in one turn of the event loop, and sends it as one message. */
export interface Batcher<Message> {
  push(message: Message): void;
  /** Sends what waits, now. */
  flush(): void;
}

export function createBatcher<Message>(send: (batch: readonly Message[]) => void): Batcher<Message> {
  let waiting: Message[] = [];
  function flush(): void {
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    send(batch);
  }
  return {
    push: (message) => {
      if (waiting.push(message) === 1) setImmediate(flush);
    },
    flush,
  };
}
