import { z } from "zod";
import { Edge } from "../../toolchain/edge.ts";
import { smoke } from "../../toolchain/smoke.ts";
import { makeToken } from "../../toolchain/token.ts";
import { bad, good, lookAt, warning, worstOf, type Finding, type Look } from "../health/finding.ts";
import { judgeDatabase, judgeQueues } from "../health/job-store.ts";
import { lookAtContainers } from "../health/services.ts";
import type { World } from "../health/world.ts";
import type { Deployment } from "../../toolchain/stack.ts";
import type { Seen } from "../sight/sight.ts";

/** What `--post` looks at besides the world of health. */
export interface Deployed {
  readonly world: World;
  readonly jwtKeys: string;
  /** State that the last deploy wrote. */
  readonly state: Deployment;
}

/** What has to hold once a deploy is done. Jobs are made: a queue that does not move is seen by nothing else. */
export async function checkDeployed({ world, jwtKeys, state }: Deployed): Promise<readonly Finding[]> {
  const edge = new Edge(world.url, await makeToken(jwtKeys));
  return [
    await lookAt("containers", () => lookAtContainers(world)),
    await lookAt("versions", async () => judgeVersions(await world.sight.containers(), state)),
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

const CONTAINER = "docker:index/container:Container";

const containerSchema = z.looseObject({
  outputs: z.looseObject({ image: z.string(), restart: z.string().optional() }),
});

/**
 * Whether the images that run are those that the deploy asked for: on a Docker engine by the state, elsewhere by each service having one.
 */
export function judgeVersions(containers: readonly Seen[], { deployment }: Deployment): Look {
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
      bad(`${image.slice(0, 19)} was asked for, and does not run`, "Deploy it again: make up."),
    ),
    ...mixed.map(([service]) =>
      warning(`${service} runs in more than one version`, "A rollout is under way, or was given up: ./slipway status"),
    ),
  ]);
}
