import { z } from "zod";
import { Edge } from "../../toolchain/edge.ts";
import { smoke } from "../../toolchain/smoke.ts";
import { makeToken } from "../../toolchain/token.ts";
import { bad, good, lookAt, warning, worstOf, type Finding, type Look } from "../health/finding.ts";
import { judgeDatabase, judgeQueues } from "../health/job-store.ts";
import { lookAtContainers } from "../health/services.ts";
import type { World } from "../health/world.ts";
import { PATIENCE_SECONDS, settle, type Asked, type Running } from "../../toolchain/deployment/truth.ts";
import type { Deployment } from "../../toolchain/stack.ts";
import type { Seen } from "../sight/sight.ts";

/** What `--post` looks at besides the world of health. */
export interface Deployed {
  readonly world: World;
  readonly jwtKeys: string;
  /** State that the last deploy wrote. */
  readonly state: Deployment;
  /** What its program asked for; stacks of before do not say. */
  readonly asked: Asked | undefined;
  /** What the platform has running of services. */
  readonly running: (services: readonly string[]) => Promise<Running>;
}

/** What has to hold once a deploy is done. Jobs are made: a queue that does not move is seen by nothing else. */
export async function checkDeployed(deployed: Deployed): Promise<readonly Finding[]> {
  const { world, jwtKeys } = deployed;
  const edge = new Edge(world.url, await makeToken(jwtKeys));
  return [
    await lookAt("containers", () => lookAtContainers(world)),
    await lookAt("versions", () => lookAtVersions(deployed)),
    await lookAt("routes and queues", () => lookAtEveryRoute(edge, world)),
    await lookAt("waiting", async () => judgeQueues(await world.jobStore(), world)),
    await lookAt("database", async () => judgeDatabase(await world.jobStore(), world)),
  ];
}

/** Every public route, with a sum and a spoken word on their way through the queues. */
async function lookAtEveryRoute(edge: Edge, { stack }: World): Promise<Look> {
  const results = await smoke(edge, () => undefined);
  const faults = results.filter(({ ok }) => !ok);
  if (faults.length === 0) return good(`${results.length} routes; a sum and a speech came back`);
  return worstOf(
    faults.map(({ route, detail }) =>
      bad(
        `${route}: ${detail}`,
        `./slipway logs --stack ${stack} --level warn; back to the release before: docs/adr/0002-releases-beside.md`,
      ),
    ),
  );
}

/**
 * Whether what runs is what the deploy asked for, by the comparison that ends a deploy: a platform may have gone back since, as a whole.
 *
 * @param patienceSeconds that something which starts may take
 */
export async function lookAtVersions(
  { world, state, asked, running }: Omit<Deployed, "jwtKeys">,
  patienceSeconds = PATIENCE_SECONDS,
): Promise<Look> {
  const { stack, sight } = world;
  const images = judgeImages(await sight.containers(), state, stack);
  if (asked === undefined) return images;
  const services = Object.keys(asked);
  const look = () => running(services);
  const seen = await settle({ asked, look, patienceSeconds, report: () => undefined });
  const { copies } = seen.running;
  // Of services beside the release the images alone tell.
  const besides = images.state === "good" ? [] : [images];
  const own = seen.faults.map((fault) => bad(fault, asAskedAgain(stack)));
  const well = good(`${copies.length} copies of ${services.length} services run as asked for`);
  return worstOf([well, ...own, ...besides]);
}

/** Pulumi believes its state, which says what was asked for: without a refresh an `up` would change nothing. */
function asAskedAgain(stack: string): string {
  return (
    `See why: ./slipway status --stack ${stack}, ./slipway logs --stack ${stack} --level warn. Where a platform or a hand has changed it: ` +
    `./slipway refresh --yes --stack ${stack} && make up STACK=${stack}. Where the release is at fault: ./slipway rollback --yes --stack ${stack}`
  );
}

const CONTAINER = "docker:index/container:Container";

const containerSchema = z.looseObject({
  outputs: z.looseObject({ image: z.string(), restart: z.string().optional() }),
});

/** Whether the images run that the state of a Docker engine's stack names, and each service from one. */
export function judgeImages(containers: readonly Seen[], { deployment }: Deployment, stack: string): Look {
  const asked = (deployment.resources ?? []).flatMap((one) => {
    const { data } = containerSchema.safeParse(one);
    return one.type === CONTAINER && data?.outputs.restart === "unless-stopped" ? [data.outputs.image] : [];
  });
  const running = new Set(containers.map(({ image }) => image));
  const missing = [...new Set(asked)].filter((image) => !running.has(image));
  const services = Map.groupBy(containers, ({ service }) => service);
  const mixed = [...services].filter(([, own]) => new Set(own.map(({ image }) => image)).size > 1);
  return worstOf([
    good(`${running.size} images run, as asked for`),
    ...missing.map((image) =>
      bad(`${image.slice(0, 19)} was asked for, and does not run`, `Deploy it again: make up STACK=${stack}`),
    ),
    ...mixed.map(([service]) =>
      warning(
        `${service} runs in more than one version`,
        `A rollout is under way, or was given up: ./slipway status --stack ${stack}`,
      ),
    ),
  ]);
}
