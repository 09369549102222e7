import { all, log, type ComponentResource, type Output } from "@pulumi/pulumi";
import { messageOf } from "../../configs/message.ts";
import type { AskedService, Done, Release } from "../contract.ts";
import { BLUE_GREEN_SAID, canaryOfCaller, isBlueGreen, type CanaryPlan } from "../plan/canary.ts";
import { CanaryError } from "../plan/canary-run.ts";
import { canary, workersOf } from "./canary.ts";
import type { Edge } from "./edge.ts";
import { activate, sendShare } from "./edge-switch.ts";
import type { Engine } from "./engine.ts";
import { gate } from "./gate.ts";
import { waitHealthy } from "./health.ts";
import type { ServiceRelease } from "./service.ts";

export interface ReleaseArgs {
  readonly services: Readonly<Record<string, ServiceRelease>>;
  readonly edge: Edge;
  readonly after: readonly Done[];
  readonly healthTimeoutSeconds: number;
  readonly parent: ComponentResource;
}

/** The new containers are not healthy; the release before them serves on. */
export class ReleaseError extends Error {
  constructor(cause: unknown) {
    super(
      `The release was given up: the one before it goes on serving.\n${messageOf(cause)}\n` +
        "Its workers, and containers that were not healthy, are stopped, not removed. Mend the cause and run `pulumi up` again.",
      { cause },
    );
    this.name = "ReleaseError";
  }
}

/** Waits for every container of a release and lets it take over at the edge. */
export function release(args: ReleaseArgs): Release {
  const entries = Object.entries(args.services);
  const containers = all(entries.flatMap(([, { ids }]) => ids)).apply((ids) => ids.join(","));
  const api = args.services["api"];
  if (!api)
    throw new Error(
      `A release needs a service named api, for the edge; it has: ${entries.map(([name]) => name).join(", ")}.`,
    );
  const plan = canaryOfCaller(process.env);
  const stopSeconds = Math.max(...entries.map(([, service]) => service.stopSeconds));
  const taken = gate({
    name: "release",
    keys: { containers, edge: args.edge.id, api: api.release },
    run: (engine, keys) => takeOver(engine, keys, { plan, timeoutSeconds: args.healthTimeoutSeconds, stopSeconds }),
    after: args.after,
    parent: args.parent,
  });
  const serving = all(Object.fromEntries(entries.map(([name, { release: alias }]) => [name, alias])));
  const asked = all(Object.fromEntries(entries.map(([name, containers]) => [name, askedOf(containers)])));
  return {
    url: afterwards(taken.id, args.edge.url),
    serving: afterwards(taken.id, serving),
    asked: afterwards(taken.id, asked),
  };
}

function askedOf({ image, release: alias, ids }: ServiceRelease): Output<AskedService> {
  return all([image, alias]).apply(([known, name]) => ({ image: known, release: name, replicas: ids.length }));
}

interface Keys {
  readonly containers: string;
  readonly edge: string;
  readonly api: string;
}

interface TakingOver {
  /** How requests come to the new release. @default all at once */
  readonly plan: CanaryPlan | undefined;
  readonly timeoutSeconds: number;
  /** Seconds that a worker may take to end its jobs, or to hand them back. */
  readonly stopSeconds: number;
}

async function takeOver(engine: Engine, keys: Keys, { plan, timeoutSeconds, stopSeconds }: TakingOver): Promise<void> {
  const containers = keys.containers.split(",");
  const { edge: edgeId, api: release } = keys;
  try {
    // Those that a failed release left stopped are asked again; a running one is left as it is.
    await Promise.all(containers.map((id) => engine.start(id)));
    await waitHealthy(engine, [...containers, edgeId], timeoutSeconds);
    if (plan && isBlueGreen(plan))
      await log.info(`${BLUE_GREEN_SAID}: as every release on a Docker engine is; nothing is compared.`);
    else if (plan) await canary({ engine, edge: edgeId, release, containers, plan });
  } catch (error) {
    await eachOf([
      // One whose canary was killed may have a share still.
      async () => {
        if ((await engine.inspect(edgeId)).running) await sendShare(engine, edgeId, release, 0);
      },
      // It gets no jobs either: what bad workers fail may be given up for good.
      () => stopWorkers(engine, containers, stopSeconds),
      () => stopUnhealthy(engine, containers),
    ]);
    throw error instanceof CanaryError ? error : new ReleaseError(error);
  }
  await activate(engine, edgeId, release);
  await log.info(`${release} serves`);
}

/** One after the other, and all of them: a fault of one is said, as it must not hide why the release was given up. */
async function eachOf(works: readonly (() => Promise<void>)[]): Promise<void> {
  for (const work of works) await work().catch((fault: unknown) => log.warn(messageOf(fault)));
}

async function stopWorkers(engine: Engine, ids: readonly string[], seconds: number): Promise<void> {
  const { release } = await workersOf(engine, ids);
  await Promise.all(release.map((id) => engine.stop(id, seconds)));
}

async function stopUnhealthy(engine: Engine, ids: readonly string[]): Promise<void> {
  await Promise.all(
    ids.map(async (id) => {
      if ((await engine.inspect(id)).health !== "healthy") await engine.stop(id);
    }),
  );
}

/** A value that is known once the release has taken over. */
function afterwards<T>(taken: Output<string>, value: Output<T>): Output<T> {
  return all([value, taken]).apply(([known]) => known) as Output<T>;
}
