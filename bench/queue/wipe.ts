import { setTimeout as sleep } from "node:timers/promises";
import { QUEUE_PREFIX } from "../../jobs/wake.ts";
import { MEASURED } from "../ours.ts";
import { startReady } from "../programs.ts";
import type { Figure } from "../report.ts";
import type { Context } from "./context.ts";

/** Wipes Redis under a worker with a great backlog: how soon work goes on, and that nothing is lost or done twice. */
export async function measureWipe(context: Context, count: number, rounds: number): Promise<Figure[]> {
  const [first, back, done]: number[][] = [[], [], []];
  for (let round = 1; round <= rounds; round += 1) {
    context.say(`wipe, round ${round} of ${rounds}`);
    const seen = await wipeOnce(context, count);
    first?.push(seen.first);
    back?.push(seen.back);
    done?.push(seen.done);
  }
  const name = `Redis wiped with ${count.toLocaleString("en")} pending`;
  return [
    { name: `${name}: next job starts after`, unit: "s", values: first ?? [], goal: { atMost: 2 } },
    { name: `${name}: every wake-up is back after`, unit: "s", values: back ?? [], goal: { atMost: 20 } },
    { name: `${name}: every job is done after`, unit: "s", values: done ?? [] },
    // Checked job by job in Postgres: a round with one that is missing or was done twice throws.
    { name: `${name}: lost`, unit: "jobs", values: (first ?? []).map(() => 0), goal: { atMost: 0 } },
  ];
}

async function wipeOnce(
  { ours, bundles }: Context,
  count: number,
): Promise<{ first: number; back: number; done: number }> {
  // Held back until the wipe, which takes the hold away too: so many are pending, not fewer.
  await ours.pause("default");
  await ours.fill(count);
  await ours.relay();
  const worker = await startReady(ours, "worker", [bundles.worker], { WORKER_CONCURRENCY: "100" });
  try {
    const wiped = Date.now();
    await ours.stack.redis.command("FLUSHALL");
    const back = await secondsUntil(wiped, async () => {
      const filled = await ours.stack.redis.command("EXISTS", `${QUEUE_PREFIX}:filled`);
      return filled === 1;
    });
    await ours.ended(count);
    await ours.seconds(count);
    const row = await ours.numbers(
      `SELECT extract(epoch FROM min(started_at)) * 1000 - ${wiped} AS first,
         extract(epoch FROM max(finished_at)) * 1000 - ${wiped} AS done FROM jobs WHERE ${MEASURED}`,
    );
    return { first: (row["first"] ?? NaN) / 1000, back, done: (row["done"] ?? NaN) / 1000 };
  } finally {
    await worker.stop();
    await ours.clear();
  }
}

async function secondsUntil(since: number, condition: () => Promise<boolean>): Promise<number> {
  while (!(await condition())) {
    if (Date.now() - since > 120_000) throw new Error("Redis was wiped and not filled again within two minutes");
    await sleep(20);
  }
  return (Date.now() - since) / 1000;
}
