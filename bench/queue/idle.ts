import { setTimeout as sleep } from "node:timers/promises";
import type { Ours } from "../ours.ts";
import { startReady } from "../programs.ts";
import type { Figure } from "../report.ts";
import type { Context } from "./context.ts";

/** What a process asks of the servers while there is nothing to do, counted by the servers. */
export async function measureIdle(context: Context, seconds: number): Promise<Figure[]> {
  const { ours, bundles } = context;
  await ours.stack.asSuperuser("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
  const figures: Figure[] = [];
  for (const [name, program] of Object.entries({ api: bundles.api, worker: bundles.worker })) {
    context.say(`idle ${name}, ${seconds} s`);
    const running = await startReady(ours, `idle-${name}`, [program]);
    try {
      await sleep(2000);
      const { queries, commands } = await count(ours, seconds);
      figures.push(
        { name: `idle ${name}: Postgres queries`, unit: "per second", values: [queries], goal: { atMost: 2 } },
        { name: `idle ${name}: Redis commands`, unit: "per second", values: [commands], goal: { atMost: 5 } },
      );
    } finally {
      await running.stop();
    }
  }
  return figures;
}

async function count(ours: Ours, seconds: number): Promise<{ queries: number; commands: number }> {
  // Only what the role of the services asked: not this process's own look.
  const statements = `SELECT coalesce(sum(s.calls), 0) AS calls FROM pg_stat_statements s
                      JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'slipway_app'`;
  const before = { calls: (await ours.numbers(statements))["calls"] ?? NaN, commands: await redisCalls(ours) };
  const began = performance.now();
  await sleep(seconds * 1000);
  const after = { calls: (await ours.numbers(statements))["calls"] ?? NaN, commands: await redisCalls(ours) };
  const elapsed = (performance.now() - began) / 1000;
  return {
    queries: (after.calls - before.calls) / elapsed,
    commands: (after.commands - before.commands) / elapsed,
  };
}

/** Commands that clients sent; INFO, AUTH and HELLO are how this process looks and are sent by no idle program. */
async function redisCalls(ours: Ours): Promise<number> {
  const stats = String(await ours.stack.redis.command("INFO", "commandstats"));
  return [...stats.matchAll(/^cmdstat_(?<name>[^:]+):calls=(?<calls>\d+)/gm)]
    .filter(({ groups }) => !["auth", "hello", "client|setinfo", "config|get"].includes(groups?.["name"] ?? ""))
    .reduce((total, { groups }) => total + Number(groups?.["calls"]), 0);
}
