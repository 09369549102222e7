import { UserError } from "../toolchain/command.ts";

/**
 * Ends work that is of no use any more when this process is told to stop, so that its servers are closed in order.
 *
 * @throws UserError when interrupted
 */
export async function unlessInterrupted<T>(work: Promise<T>): Promise<T> {
  const restore: (() => void)[] = [];
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const listener = () => {
        reject(new UserError("Interrupted."));
      };
      // The commands' own listeners end this process at once, and would leave its servers running.
      const others = process.listeners(signal);
      process.removeAllListeners(signal).once(signal, listener);
      restore.push(() => {
        process.off(signal, listener);
        for (const other of others) process.on(signal, other);
      });
    }
  });
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    for (const one of restore) one();
  }
}
