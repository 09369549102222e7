import { setTimeout as sleep } from "node:timers/promises";

/**
 * Starts a piece of work at an even pace, whether or not those before have ended, and waits for all of them.
 *
 * @param perSecond pieces a second
 * @throws what the first piece that failed threw
 */
export async function pace(count: number, perSecond: number, work: (index: number) => Promise<unknown>): Promise<void> {
  const started = performance.now();
  const running: Promise<unknown>[] = [];
  while (running.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * perSecond) + 1);
    while (running.length < due) running.push(work(running.length));
    await sleep(1);
  }
  await Promise.all(running);
}

/** Milliseconds since 1970 with their fractions: comparable between the processes of one machine. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
