// What every peer shares: requests come as JSON lines on stdin, each is answered with one JSON line on stdout.
import { createInterface } from "node:readline";

/** @param {Record<string, (request: any) => Promise<object | void>>} commands by the request's `do` */
export async function serve(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    const answer = (await commands[request.do](request)) ?? {};
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

/** Milliseconds since 1970 with their fractions: comparable between the processes of one machine. */
export const now = () => performance.timeOrigin + performance.now();

/** A list's value below which a share of it lies. */
export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(((sorted.length - 1) * share) / 100)];
}

/** Starts `send` at an even pace, whether or not those before have ended, and waits for all of them. */
export async function pace(count, perSecond, send) {
  const started = performance.now();
  const running = [];
  while (running.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * perSecond) + 1);
    while (running.length < due) running.push(send(running.length));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(running);
}

/** Counts up to a number and then resolves with the seconds since its first `start`. */
export function stopwatch(total) {
  let started;
  let done = 0;
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  return {
    start: () => (started ??= performance.now()),
    end: () => {
      done += 1;
      if (done === total) finish((performance.now() - started) / 1000);
    },
    finished,
  };
}
