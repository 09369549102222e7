import { setTimeout as sleep } from "node:timers/promises";
import { MEASURED, SOME_OPEN } from "../ours.ts";
import { startReady } from "../programs.ts";
import type { Figure } from "../report.ts";
import type { Context } from "./context.ts";

/** A small backlog: what a worker always finds in a busy system. */
const SMALL = 1000;

/** Whether a great backlog slows the work: the rate below it beside the rate of backlogs of a thousand. */
export async function measureBacklog(context: Context, count: number, rounds: number): Promise<Figure[]> {
  const { ours, bundles } = context;
  const worker = await startReady(ours, "worker", [bundles.worker], { WORKER_CONCURRENCY: "100" });
  try {
    const small: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      context.say(`backlog of ${SMALL}, round ${round} of ${rounds}`);
      await lay(context, SMALL);
      await ours.resume("default");
      await ours.ended(SMALL);
      if (round > 0) small.push(SMALL / (await ours.seconds(SMALL)));
      await ours.clear();
    }
    const laid = await lay(context, count);
    const great = await workOff(context, count);
    const middle = small.toSorted((a, b) => a - b)[Math.floor(small.length / 2)] ?? NaN;
    const before = `with a backlog of ${count.toLocaleString("en")}`;
    return [
      { name: `work with a backlog of ${SMALL}`, unit: "jobs/s", values: small },
      { name: `work ${before}, each tenth of it`, unit: "jobs/s", values: great.tenths },
      {
        name: `work ${before} / of ${SMALL}`,
        unit: "x",
        values: great.tenths.map((rate) => rate / middle),
        goal: { atLeast: 0.9 },
      },
      { name: `relay of ${count.toLocaleString("en")} wake-ups to Redis`, unit: "s", values: [laid.relaySeconds] },
      { name: `Redis with ${count.toLocaleString("en")} wake-ups`, unit: "MiB", values: [laid.redisMiB] },
    ];
  } finally {
    await worker.stop();
    await ours.clear();
    await ours.resume("default");
  }
}

async function lay({ ours, say }: Context, count: number): Promise<{ relaySeconds: number; redisMiB: number }> {
  await ours.pause("default");
  if (count > SMALL) say(`laying a backlog of ${count}`);
  await ours.fill(count);
  const started = performance.now();
  await ours.relay();
  const relaySeconds = (performance.now() - started) / 1000;
  const memory = /^used_memory:(?<bytes>\d+)/m.exec(String(await ours.stack.redis.command("INFO", "memory")));
  return { relaySeconds, redisMiB: Number(memory?.groups?.["bytes"]) / 2 ** 20 };
}

/** Works all of it off and gives the rate of each tenth. */
async function workOff({ ours, say }: Context, count: number): Promise<{ tenths: number[] }> {
  await ours.resume("default");
  while ((await ours.numbers(SOME_OPEN))["open"] === 1) {
    say("working off the great backlog");
    await sleep(Math.min(1000, count / 20));
  }
  await ours.seconds(count);
  const tenths: number[] = [];
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const row = await ours.numbers(
      `WITH done AS (SELECT finished_at, ntile(10) OVER (ORDER BY finished_at) - 1 AS tenth FROM jobs WHERE ${MEASURED})
       SELECT count(*) / extract(epoch FROM max(finished_at) - min(finished_at)) AS rate FROM done WHERE tenth = ${tenth}`,
    );
    tenths.push(row["rate"] ?? NaN);
  }
  return { tenths };
}
