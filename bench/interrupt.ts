import { UserError } from "../toolchain/command.ts";

/**
 * Ends work that is of no use any more when this process is told to stop, so that its servers are closed in order.
 *
 * @throws UserError when interrupted
 */
export async function unlessInterrupted<T>(work: Promise<T>): Promise<T> {
  const listeners: (() => void)[] = [];
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const listener = () => {
        reject(new UserError("Interrupted."));
      };
      process.once(signal, listener);
      listeners.push(() => process.off(signal, listener));
    }
  });
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    for (const remove of listeners) remove();
  }
}
