import { setTimeout as sleep } from "node:timers/promises";
import { crashPoints, type CrashFile } from "../crash-plugin.ts";
import type { Fault, Scene } from "../fault.ts";
import type { Program } from "../program.ts";
import { createRandom } from "../random.ts";
import type { World } from "../world.ts";

/** Points that one order names: the first that is reached is the one. */
const POINTS = 3;

/** Points of some files, and who comes to them. */
interface Group {
  readonly name: string;
  readonly what: string;
  readonly weight: number;
  readonly files: readonly CrashFile[];
  readonly programs: (world: World) => readonly Program[];
  /** How many die in one fault. */
  readonly several?: boolean;
  /** Brings the programs to those points. */
  readonly provoke?: (scene: Scene) => Promise<unknown>;
  /** How long a point is waited for, in milliseconds. */
  readonly waitMs: number;
}

const all = (world: World) => [...world.apis, ...world.workers];
const flush = ({ world }: Scene) => world.stack.redis.command("FLUSHALL");
const loseWorker = async ({ world, random, hit }: Scene) => {
  const worker = random.pick(world.workers);
  await hit(worker);
  await worker.kill();
};

const GROUPS: readonly Group[] = [
  {
    name: "crash-accept",
    what: "an API dies around the commit of what it accepts: before, between commit and reply, after",
    weight: 4,
    files: ["app/routes/create-job.ts", "app/routes/batches.ts", "jobs/store.ts", "jobs/batches.ts"],
    programs: (world) => world.apis,
    waitMs: 2000,
  },
  {
    name: "crash-relay",
    what: "a program dies between commit and relay, or inside the relay",
    weight: 4,
    files: ["jobs/hand-off.ts", "jobs/relay.ts", "jobs/wake.ts"],
    programs: all,
    waitMs: 2000,
  },
  {
    name: "crash-reconciler",
    what: "programs die while they look after or fill a wiped Redis",
    weight: 3,
    files: ["jobs/reconciler.ts"],
    programs: all,
    several: true,
    provoke: flush,
    waitMs: 3000,
  },
  {
    name: "crash-take-over",
    what: "programs die in their heartbeat, or while they take over the jobs of a dead worker",
    weight: 1,
    files: ["jobs/maintenance.ts", "jobs/worker-lease.ts"],
    programs: all,
    several: true,
    provoke: loseWorker,
    waitMs: 8000,
  },
  {
    name: "crash-attempt",
    what: "a worker dies around a claim, the effect, or its commit: before, during, after",
    weight: 5,
    files: ["jobs/attempts.ts", "worker/bundles.ts", "worker/create-workers.ts", "worker/run-attempt.ts"],
    programs: (world) => world.workers,
    waitMs: 2000,
  },
  {
    name: "crash-several",
    what: "relay and reconciler die in several programs at once",
    weight: 1,
    files: ["jobs/relay.ts", "jobs/reconciler.ts", "jobs/wake.ts"],
    programs: all,
    several: true,
    provoke: flush,
    waitMs: 3000,
  },
];

/** Every point there is. */
export function allCrashPoints(): string[] {
  return [...new Set(GROUPS.flatMap(({ files }) => files.flatMap(crashPoints)))];
}

export const CRASH_FAULTS: readonly Fault[] = GROUPS.map((group) => ({
  name: group.name,
  what: group.what,
  lane: "processes",
  weight: group.weight,
  run: (scene) => crash(group, scene),
}));

async function crash(group: Group, scene: Scene): Promise<boolean> {
  const chosen = group.programs(scene.world).filter((program) => program.pid !== 0);
  if (chosen.length === 0) return false;
  const targets = group.several === true ? chosen : [scene.random.pick(chosen)];
  const armed = await Promise.all(targets.map((program) => arm(group, scene, program)));
  if (group.provoke) await group.provoke(scene).catch(() => undefined);
  const deadline = performance.now() + group.waitMs;
  const open = new Map(armed.flatMap((one) => (one ? [[one.program, one.pid] as const] : [])));
  let hits = 0;
  while (open.size > 0 && performance.now() < deadline) {
    for (const [program, pid] of open) {
      if (program.pid === pid) continue;
      open.delete(program);
      hits += note(scene, program);
    }
    await sleep(20);
  }
  for (const [program, pid] of open) if (program.pid === pid) program.relent();
  return hits > 0;
}

async function arm(group: Group, scene: Scene, program: Program) {
  const { pid } = program;
  // One that still starts would die of the signal itself.
  if (!(await program.isReady()) || program.pid !== pid) return undefined;
  const points = group.files.flatMap(crashPoints);
  const random = createRandom(scene.random.next());
  program.order({ dieAt: Array.from({ length: POINTS }, () => random.pick(points)) });
  if (scene.world.workers.includes(program)) await scene.hit(program);
  return { program, pid };
}

function note(scene: Scene, program: Program): number {
  const point = program.takeHit();
  if (point === undefined) return 0;
  scene.died(point);
  return 1;
}
