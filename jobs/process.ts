import { ConfigError, EXIT_CONFIG, maskConfig, type Program, type RuntimeConfig } from "../configs/runtime.ts";
import type { Logger } from "./log.ts";
import { reasonOf } from "./patience.ts";

/** Loads a configuration; when it is wrong, prints every fault to stderr and ends the process with status 78. */
export function loadOrExit<P extends Program>(load: (env: NodeJS.ProcessEnv) => RuntimeConfig<P>): RuntimeConfig<P> {
  try {
    const config = load(process.env);
    if (config.ECHO_CONFIG === "true") process.stdout.write(`${JSON.stringify(maskConfig(config, process.env))}\n`);
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}

/** What was opened, closed in reverse order. */
export interface CloseStack {
  add(name: string, close: () => Promise<void>): void;
  /** Closes everything; a failure is logged and does not keep the others open. A second call waits for the first. */
  close(): Promise<void>;
}

export function createCloseStack(log: Logger): CloseStack {
  const open: { name: string; close: () => Promise<void> }[] = [];
  let closing: Promise<void> | undefined;
  async function closeAll(): Promise<void> {
    for (let next = open.pop(); next; next = open.pop()) {
      const { name, close } = next;
      await close().catch((error: unknown) => {
        log.warn({ err: error, name }, "could not be closed in order");
      });
    }
  }
  return {
    add: (name, close) => open.push({ name, close }),
    close: () => (closing ??= closeAll()),
  };
}

/** A part of the program that runs until it is told to stop. */
export interface Service {
  /** Ends in order: takes nothing new, finishes what runs, closes what it opened. */
  stop(): Promise<void>;
}

/**
 * Runs a service until SIGTERM or SIGINT, then stops it and exits 0. Exits 1 when the start fails or the drain time is over.
 *
 * @param start gets a signal that fires when the process is told to stop before it has started
 */
export async function runService(
  log: Logger,
  drainSeconds: number,
  start: (stopped: AbortSignal) => Promise<Service>,
): Promise<void> {
  const stopped = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      log.info({ signal: name }, "told to stop");
      stopped.abort(new Error(`${name} received`));
    });
  }
  let service: Service;
  try {
    service = await start(stopped.signal);
  } catch (error) {
    if (stopped.signal.aborted) process.exit(0);
    log.fatal({ err: error }, `start failed: ${reasonOf(error)}`);
    process.exit(1);
  }
  if (!stopped.signal.aborted)
    await new Promise((resolve) => {
      stopped.signal.addEventListener("abort", resolve, { once: true });
    });
  setTimeout(() => {
    log.error({ drainSeconds }, "the drain time is over; ending with work unfinished");
    process.exit(1);
  }, drainSeconds * 1000).unref();
  await service.stop();
  // No exit here: a handle that was left open holds the process until the drain time is over, and shows.
  log.info("stopped");
}
