import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, Scene } from "../fault.ts";
import { signal } from "../processes.ts";
import type { Program } from "../program.ts";

/** Longer than the lease of a worker, which is 6 s. */
const BEYOND_LEASE_MS = [6500, 8500] as const;

export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: "worker-kill",
    what: "SIGKILL to a worker, whatever it does",
    lane: "processes",
    weight: 4,
    run: async (scene) => kill(scene, [scene.random.pick(scene.world.workers)]),
  },
  {
    name: "workers-kill",
    what: "SIGKILL to all workers at once",
    lane: "processes",
    weight: 1,
    run: async (scene) => kill(scene, scene.world.workers),
  },
  {
    name: "place-kill",
    what: "SIGKILL to a place of a pool",
    lane: "quick",
    weight: 4,
    run: async ({ world, random }) => {
      const places = world.workers.flatMap((worker) => worker.places());
      return places.length > 0 && signal(random.pick(places), "SIGKILL");
    },
  },
  {
    name: "worker-stop",
    what: "SIGSTOP to a worker for longer than its lease, then SIGCONT",
    lane: "processes",
    weight: 2,
    run: async ({ world, random, hit }) => {
      const worker = random.pick(world.workers);
      await hit(worker);
      const { pid } = worker;
      worker.signal("SIGSTOP");
      await sleep(random.whole(...BEYOND_LEASE_MS));
      worker.signal("SIGCONT");
      return pid !== 0 && worker.pid === pid;
    },
  },
  {
    name: "worker-block",
    what: "the event loop of a worker stands still for longer than its lease (30 s in long runs)",
    lane: "processes",
    weight: 1,
    run: async ({ world, random, long, hit }) => {
      const worker = random.pick(world.workers);
      const { pid } = worker;
      if (!(await worker.isReady())) return false;
      await hit(worker);
      // One that was killed meanwhile and has just begun has no ear for it, and would end of the signal.
      if (pid === 0 || worker.pid !== pid) return false;
      const blockMs = long ? 30_000 : random.whole(...BEYOND_LEASE_MS);
      worker.order({ blockMs });
      await sleep(blockMs);
      return true;
    },
  },
  {
    name: "job-block",
    what: "a job blocks the event loop of its place (30 s in long runs)",
    lane: "processes",
    weight: 1,
    run: async ({ world, random, long }) => {
      const blockMs = long ? 30_000 : random.whole(7000, 9000);
      await world.database.query(
        `WITH job AS (
           INSERT INTO jobs (id, tenant, kind, queue, params)
           SELECT coalesce(max(id), 0) + 1, 'acme', 'block', 'default', jsonb_build_object('blockMs', $1::int)
           FROM jobs WHERE id < 1000000 RETURNING id
         ) INSERT INTO outbox (job_id, attempt, queue, priority, run_at) SELECT id, 0, 'default', 0, now() FROM job`,
        [blockMs],
      );
      // Its time is 1 s; 5 s later its place is ended.
      await sleep(6500);
      return true;
    },
  },
  {
    name: "api-kill",
    what: "SIGKILL to an API",
    lane: "processes",
    weight: 4,
    run: async (scene) => kill(scene, [scene.random.pick(scene.world.apis)]),
  },
];

async function kill({ world, hit }: Scene, programs: readonly Program[]): Promise<boolean> {
  const alive = programs.filter((program) => program.pid !== 0);
  await Promise.all(alive.filter((program) => world.workers.includes(program)).map((worker) => hit(worker)));
  await Promise.all(alive.map((program) => program.kill()));
  return alive.length > 0;
}
