import type { ProgressEvent } from "../backup/protocol.ts";
import type { Report, Steps } from "../toolchain/steps.ts";
import { Meter } from "./meter.ts";
import { formatBytes } from "./quantities.ts";

/** Characters of a step's line before what it says: mark, title, elapsed time. */
const LINE_START = 37;

interface Open {
  readonly step: string;
  readonly meter: Meter;
  readonly report: Report;
  /** Ends its line. */
  readonly end: (failed: boolean) => void;
}

/** Shows the steps of the agent as steps of this command: one begins where the one before it ends. */
export class AgentSteps {
  readonly #steps: Steps;
  readonly #columns: number;
  #open: Open | undefined;

  /** @param columns of the terminal; 0 where lines cannot be written over */
  constructor(steps: Steps, columns = process.stderr.isTTY ? process.stderr.columns : 0) {
    this.#steps = steps;
    this.#columns = columns;
  }

  /** Takes what the agent says of its progress. */
  take({ step, doneBytes, totalBytes }: ProgressEvent): void {
    if (this.#open?.step !== step) this.end();
    const open = (this.#open ??= this.#begin(step));
    if (doneBytes === undefined) return;
    open.meter.add(doneBytes, totalBytes);
    open.report(open.meter.text(Math.max(0, this.#columns - LINE_START)));
  }

  /** Ends the line of the last step. */
  end(failed = false): void {
    this.#open?.end(failed);
    this.#open = undefined;
  }

  #begin(step: string): Open {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const meter = new Meter();
    let report: Report = () => undefined;
    const work = (say: Report) => {
      report = say;
      return promise;
    };
    // Whoever asked the agent has the reason of a failure from its answer.
    this.#steps.run(step, work, (bytes) => (bytes > 0 ? formatBytes(bytes) : undefined)).catch(() => undefined);
    const end = (failed: boolean) => {
      if (failed) reject(new Error(step));
      else resolve(meter.doneBytes);
    };
    return { step, meter, report, end };
  }
}
