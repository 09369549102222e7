import { spawnSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { until } from "../../servers/programs.ts";
import type { Fault, Scene } from "../fault.ts";
import { childrenOf, isAlive, signal } from "../processes.ts";
import { MAX_CONNECTIONS, type World } from "../world.ts";

const OURS = `FROM pg_stat_activity WHERE usename = 'slipway_app'`;

export const POSTGRES_FAULTS: readonly Fault[] = [
  {
    name: "backend-kill",
    what: "pg_terminate_backend for one to five of our connections",
    lane: "quick",
    weight: 5,
    run: async ({ world, random }) => {
      const { rowCount } = await world.database.query(
        `SELECT pg_terminate_backend(pid) ${OURS} ORDER BY md5(pid::text || $1) LIMIT $2`,
        [random.next(), random.whole(1, 5)],
      );
      return (rowCount ?? 0) > 0;
    },
  },
  {
    name: "postgres-restart",
    what: "an immediate shutdown, and a start with recovery",
    lane: "servers",
    weight: 2,
    outage: true,
    run: async ({ world, random }) => {
      await world.stack.postgres.kill();
      await sleep(random.whole(0, 1000));
      await world.stack.postgres.start();
      return true;
    },
  },
  {
    name: "postgres-kill",
    what: "SIGKILL to the postmaster, and a start with recovery",
    lane: "servers",
    weight: 1,
    outage: true,
    run: async ({ world }) => {
      const pid = await postmaster(world);
      const backends = childrenOf(pid);
      signal(pid, "SIGKILL");
      await until("the backends are gone", () => !backends.some(isAlive));
      await world.stack.postgres.kill();
      await world.stack.postgres.start();
      return true;
    },
  },
  {
    name: "backend-crash",
    what: "SIGKILL to one backend: all others end, and Postgres recovers",
    lane: "servers",
    weight: 1,
    outage: true,
    run: async ({ world, random }) => {
      const { rows } = await world.database.query<{ pid: number }>(`SELECT pid ${OURS} ORDER BY pid`);
      if (rows.length === 0) return false;
      signal(random.pick(rows).pid, "SIGKILL");
      await sleep(100);
      await untilItAnswers(world);
      return true;
    },
  },
  {
    name: "connections-exhausted",
    what: "another client holds every connection that Postgres has, for 1 to 3 s",
    lane: "servers",
    weight: 1,
    outage: true,
    run: exhaust,
  },
  {
    name: "disk-full",
    what: "the file system of Postgres has no room left, for 1 to 3 s",
    lane: "servers",
    weight: 1,
    outage: true,
    run: fillDisk,
  },
];

async function postmaster({ database }: World): Promise<number> {
  const { rows } = await database.query<{ data_directory: string }>("SHOW data_directory");
  const [first] = readFileSync(join(rows[0]?.data_directory ?? "", "postmaster.pid"), "utf8").split("\n");
  return Number(first);
}

async function untilItAnswers({ database }: World, forMs = 30_000): Promise<void> {
  await until("Postgres answers", () => database.query("SELECT 1").then(Boolean, () => false), forMs);
}

async function exhaust({ world, random }: Scene): Promise<boolean> {
  const { port } = world.stack.postgres;
  const clients: Client[] = [];
  const open = async () => {
    const client = new Client({ host: "127.0.0.1", port, user: "slipway_app", database: world.stack.database });
    client.on("error", () => undefined);
    await client.connect();
    clients.push(client);
  };
  const grab = () => Promise.allSettled(Array.from({ length: MAX_CONNECTIONS }, open));
  try {
    await grab();
    // Ours are taken away, and what they leave is grabbed before they can come back.
    await world.database.query(`SELECT pg_terminate_backend(pid) ${OURS} AND application_name LIKE 'slipway-%'`);
    await grab();
    await sleep(random.whole(1000, 3000));
  } finally {
    await Promise.allSettled(clients.map((client) => client.end()));
  }
  return clients.length > 0;
}

/** The file system is made as small as what lies in it, and large again: no memory and no disk of the machine is used up. */
async function fillDisk({ world, random }: Scene): Promise<boolean> {
  const { disk } = world;
  if (disk === undefined) return false;
  const { blocks, bfree, bsize } = statfsSync(disk);
  const resize = (size: number) => spawnSync("mount", ["-o", `remount,size=${size}`, disk]).status === 0;
  // A few pages more than what is used: a size below it is refused.
  const full = resize((blocks - bfree + 4) * bsize);
  try {
    await sleep(random.whole(1000, 3000));
  } finally {
    resize(blocks * bsize);
  }
  // Without room for its log Postgres gives up altogether.
  await untilItAnswers(world, 2000).catch(async () => {
    await world.stack.postgres.kill();
    await world.stack.postgres.start();
  });
  return full;
}
