import { isMainThread, parentPort, Worker } from "node:worker_threads";
import type { FromPlace, ToPlace } from "./messages.ts";

/** The wire to the worker, as a place has it. */
export interface Port {
  send(batch: readonly FromPlace[]): void;
  onBatch(hear: (batch: readonly ToPlace[]) => void): void;
  /** Ends this place in order. */
  leave(status: number): void;
}

/**
 * Opens the wire of this process or thread.
 *
 * @throws Error when it is the place of no worker
 */
export function openPort(): Port {
  if (!isMainThread && parentPort) return threadPort(parentPort);
  if (process.send && process.connected) return processPort(process.send.bind(process));
  throw new Error("this program is a place of a worker's pool and runs under a worker only; start worker.mjs instead");
}

function threadPort(port: NonNullable<typeof parentPort>): Port {
  return {
    send: (batch) => {
      port.postMessage([...batch]);
    },
    onBatch: (hear) => port.on("message", hear),
    leave: (status) => process.exit(status), // Ends the thread alone.
  };
}

function processPort(send: (message: unknown) => boolean): Port {
  // The worker decides when a place ends: whoever signals all processes of a container must not end jobs before the drain is over.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
  process.on("disconnect", endGroup);
  watchParent();
  return {
    send: (batch) => {
      if (process.connected) send([...batch]);
    },
    onBatch: (hear) => process.on("message", hear),
    leave: (status) => {
      process.off("disconnect", endGroup);
      process.exit(status);
    },
  };
}

/** Ends this process and whatever its handlers started. */
function endGroup(): void {
  try {
    process.kill(-process.pid, "SIGKILL");
  } catch {
    process.exit(1); // No group of its own: it was not started by a pool.
  }
}

/** Looks from a thread of its own whether the worker still lives: a handler that blocks the event loop hides the end of the wire. */
function watchParent(): void {
  const look = `setInterval(() => { if (process.ppid !== ${process.ppid}) process.kill(-${process.pid}, "SIGKILL"); }, 500);`;
  new Worker(look, {
    eval: true,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
  }).unref();
}
