import { parseJson } from "../../configs/json.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { getStack, log } from "@pulumi/pulumi";
import { z } from "zod";
import { CANARY_SAID, type CanaryPlan } from "../plan/canary.ts";
import type { Answered } from "../plan/canary-figures.ts";
import { JobFigures, readAttempt, worseJobs } from "../plan/canary-jobs.ts";
import { runCanary, Tally } from "../plan/canary-run.ts";
import { sendShare, servingRelease } from "./edge-switch.ts";
import type { Engine } from "./engine.ts";
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
export async function canary({ engine, edge, release, containers, plan }: CanaryArgs): Promise<void> {
  const before = await servingRelease(engine, edge);
  if (before === undefined || before === release) {
    const why = before === undefined ? "no release serves yet" : "the API's containers stay as they are";
    await log.info(`${CANARY_SAID}: none, as ${why}: there is nothing to compare.`);
    return;
  }
  const tally = new Tally();
  const jobs = await followJobs(engine, containers);
  const following = await engine.follow(edge, (line) => {
    const seen = readAccess(line);
    if (seen?.release === release) tally.add("release", seen);
    else if (seen?.release === before) tally.add("before", seen);
  });
  const world = {
    send: (percent: number) => sendShare(engine, edge, release, percent),
    unwell: async () =>
      following.isOver
        ? "the edge's log broke off, and nothing is known any more"
        : ((await findUnwell(engine, containers)) ?? jobs.worse()),
    besides: jobs.said,
    say: (text: string) => log.info(text),
    sleep: (seconds: number) => sleep(seconds * 1000),
  };
  try {
    await runCanary(plan, world, tally);
  } finally {
    following.end();
    jobs.end();
  }
}

/** Ids of the stack's worker containers, of whichever release. */
export async function runningWorkers(engine: Engine): Promise<readonly string[]> {
  const all = await engine.list({ label: STACK_LABEL, value: getStack() }, SERVICE_LABEL);
  return all.filter(({ value }) => value.startsWith("worker-")).map(({ id }) => id);
}

/** What workers of both releases come to from now on: they take jobs side by side, whatever share of the requests the new one has. */
async function followJobs(engine: Engine, containers: readonly string[]) {
  const figures = { release: new JobFigures(), before: new JobFigures() };
  const followed = await Promise.all(
    (await runningWorkers(engine)).map((id) => {
      const which = containers.includes(id) ? "release" : "before";
      return engine.follow(id, (line) => {
        const outcome = readAttempt(line);
        if (outcome !== undefined) figures[which].add(outcome);
      });
    }),
  );
  return {
    worse: () => worseJobs(figures.release, figures.before),
    said: () => `; workers: ${String(figures.release)}; those of the one before: ${String(figures.before)}`,
    end: () => {
      for (const one of followed) one.end();
    },
  };
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
