import { performWork, type PerformDeps } from "./perform-work.ts";
import type { JobRunner } from "./runner.ts";

/** Runs handlers in this process: for tests, and inside the threads and processes of the pools. */
export function createInlineRunner(deps: PerformDeps): JobRunner {
  return {
    run: (work, host, signal) => settledBy(signal, () => performWork(deps, work, host, signal)),
    close: async () => undefined,
  };
}

/** A handler that ignores its signal must not hold its place for ever. */
async function settledBy<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return new Promise<T>((resolve, reject) => {
    const stop = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", stop, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => {
        signal.removeEventListener("abort", stop);
      });
  });
}
