import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, Scene } from "../fault.ts";
import { signal } from "../processes.ts";
import type { World } from "../world.ts";

export const REDIS_FAULTS: readonly Fault[] = [
  {
    name: "redis-flush",
    what: "FLUSHALL",
    lane: "quick",
    weight: 3,
    run: async ({ world }) => answered(world.stack.redis.command("FLUSHALL")),
  },
  {
    name: "redis-connections",
    what: "Redis closes every connection",
    lane: "quick",
    weight: 3,
    run: async ({ world }) => answered(world.stack.redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")),
  },
  {
    name: "redis-restart",
    what: "Redis is killed and comes back empty",
    lane: "servers",
    weight: 2,
    outage: true,
    run: async ({ world, random }) => {
      await restart(world, random.whole(0, 1000), false);
      return true;
    },
  },
  {
    name: "redis-old-snapshot",
    what: "Redis is killed and comes back with a snapshot of some seconds ago",
    lane: "servers",
    weight: 2,
    outage: true,
    run: async ({ world, random }) => {
      await world.stack.redis.command("SAVE");
      await sleep(random.whole(500, 2500));
      await restart(world, random.whole(0, 500), true);
      return true;
    },
  },
  {
    name: "redis-maxmemory",
    what: "Redis has no memory left and refuses writes",
    lane: "servers",
    weight: 1,
    outage: true,
    run: async ({ world, random }) => {
      await world.stack.redis.command("CONFIG", "SET", "maxmemory", "1mb");
      await sleep(random.whole(500, 3000));
      await world.stack.redis.command("CONFIG", "SET", "maxmemory", "0");
      return true;
    },
  },
  {
    name: "redis-eviction",
    what: "Redis has a policy that evicts, and evicts",
    lane: "servers",
    weight: 1,
    outage: true,
    run: evict,
  },
  {
    name: "redis-hang",
    what: "Redis is stopped for 2 to 5 s (30 s in long runs), then goes on",
    lane: "servers",
    weight: 1,
    outage: true,
    run: async ({ world, random, long }) => {
      const pid = Number(/process_id:(\d+)/.exec(String(await world.stack.redis.command("INFO", "server")))?.[1]);
      signal(pid, "SIGSTOP");
      try {
        await sleep(long ? random.pick([3000, 10_000, 30_000]) : random.whole(2000, 5000));
      } finally {
        signal(pid, "SIGCONT");
      }
      return true;
    },
  },
];

/** As it was configured; for the end of a run. */
export async function healRedis({ stack }: World): Promise<void> {
  await stack.redis.command("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction");
}

async function evict({ world, random }: Scene): Promise<boolean> {
  const used = Number(/used_memory:(\d+)/.exec(String(await world.stack.redis.command("INFO", "memory")))?.[1]);
  const policy = random.pick(["allkeys-random", "allkeys-lru", "volatile-ttl"]);
  const maxmemory = String(Math.round(used * 0.98));
  await world.stack.redis.command("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", maxmemory);
  await sleep(random.whole(300, 2000));
  await healRedis(world);
  return true;
}

async function restart(world: World, downMs: number, keepSnapshot: boolean): Promise<void> {
  const { redis } = world.stack;
  const [, folder] = (await redis.command("CONFIG", "GET", "dir")) as string[];
  await redis.kill();
  if (!keepSnapshot && folder !== undefined) rmSync(join(folder, "dump.rdb"), { force: true });
  await sleep(downMs);
  await redis.start();
}

async function answered(command: Promise<unknown>): Promise<boolean> {
  return command.then(
    () => true,
    () => false,
  );
}
