import { parseJson } from "../../configs/json.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { getStack, log } from "@pulumi/pulumi";
import { z } from "zod";
import { CANARY_SAID, type CanaryPlan } from "../plan/canary.ts";
import type { Answered } from "../plan/canary-figures.ts";
import { JobTally } from "../plan/canary-jobs.ts";
import { runCanary, Tally } from "../plan/canary-run.ts";
import { sendShare, servingRelease } from "./edge-switch.ts";
import type { Engine, Following } from "./engine.ts";
import { SERVICE_LABEL, STACK_LABEL } from "./labels.ts";

export interface CanaryArgs {
  readonly engine: Engine;
  readonly edge: string;
  /** The new release of the API. */
  readonly release: string;
  /** Containers of the new release, workers among them. */
  readonly containers: readonly string[];
  readonly plan: CanaryPlan;
}

/**
 * Lets the edge send the new release a part of the requests, step by step, and judges it by the edge's log.
 *
 * @throws CanaryError where it is worse than the one that serves
 */
export async function canary(args: CanaryArgs): Promise<void> {
  const { engine, edge, release } = args;
  const before = await servingRelease(engine, edge);
  if (before === undefined || before === release) {
    const why = before === undefined ? "no release serves yet" : "the API's containers stay as they are";
    await log.info(`${CANARY_SAID}: none, as ${why}: there is nothing to compare.`);
    return;
  }
  const followed: Following[] = [];
  const follow = async (id: string, take: (line: string) => void) => {
    const one = await engine.follow(id, take);
    followed.push(one);
    return one;
  };
  try {
    await compare(args, before, follow);
  } finally {
    for (const one of followed) one.end();
  }
}

/** @param before the release that serves */
async function compare(
  { engine, edge, release, containers, plan }: CanaryArgs,
  before: string,
  follow: Engine["follow"],
): Promise<void> {
  const tally = new Tally();
  const jobs = new JobTally();
  const edgeLog = await follow(edge, (line) => {
    const seen = readAccess(line);
    if (seen?.release === release) tally.add("release", seen);
    else if (seen?.release === before) tally.add("before", seen);
  });
  const workers = await workersOf(engine, containers);
  for (const side of ["release", "before"] as const)
    for (const id of workers[side])
      await follow(id, (line) => {
        jobs.take(side, line);
      });
  const world = {
    send: (percent: number) => sendShare(engine, edge, release, percent),
    unwell: async () =>
      edgeLog.isOver
        ? "the edge's log broke off, and nothing is known any more"
        : ((await findUnwell(engine, containers)) ?? jobs.worse),
    besides: () => (workers.release.length === 0 ? "" : `; workers: ${String(jobs)}`),
    say: (text: string) => log.info(text),
    sleep: (seconds: number) => sleep(seconds * 1000),
  };
  await runCanary(plan, world, tally);
}

/** Ids of worker containers. Those that did not change belong to both releases, and are in neither list. */
export interface Workers {
  readonly release: readonly string[];
  readonly before: readonly string[];
}

/** @param containers all of the new release, those among them that did not change */
export async function workersOf(engine: Engine, containers: readonly string[]): Promise<Workers> {
  const all = await engine.list({ label: STACK_LABEL, value: getStack() }, SERVICE_LABEL);
  const workers = all.filter(({ value }) => value.startsWith("worker-"));
  const before = workers.filter(({ id }) => !containers.includes(id));
  const changed = new Set(before.map(({ value }) => value));
  const release = workers.filter(({ id, value }) => containers.includes(id) && changed.has(value));
  return { release: release.map(({ id }) => id), before: before.map(({ id }) => id) };
}

async function findUnwell(engine: Engine, containers: readonly string[]): Promise<string | undefined> {
  const states = await Promise.all(containers.map((id) => engine.inspect(id)));
  const found = states.find(({ running, health }) => !running || health !== "healthy");
  return found && `${found.name} ${found.running ? `is ${found.health}` : `ended with exit code ${found.exitCode}`}`;
}

/** A line of the edge's log, as infra/images/edge/nginx.conf writes it. */
const accessSchema = z.object({
  service: z.literal("edge"),
  release: z.string(),
  status: z.int(),
  upstream: z.string(),
  headerSeconds: z.string(),
});

/** A request that a release was to answer; nothing where the edge answered by itself, or the line is none of these. */
export function readAccess(line: string): (Answered & { readonly release: string }) | undefined {
  const { data } = accessSchema.safeParse(parseJson(line));
  // A release of which no container is there any more has no address.
  if (data === undefined || (data.upstream === "" && data.status < 500)) return undefined;
  // One for each container that was tried; `-` where it gave none.
  const seconds = data.headerSeconds.split(/[\s,:]+/).flatMap((part) => (/^[\d.]+$/.test(part) ? [Number(part)] : []));
  const milliseconds = seconds.length === 0 ? undefined : 1000 * seconds.reduce((sum, part) => sum + part, 0);
  return { release: data.release, status: data.status, milliseconds };
}
