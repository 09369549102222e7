import type { Steps } from "../toolchain/steps.ts";
import { findAgent, findDocker } from "./agent.ts";
import type { Attempts } from "./attempts.ts";
import { DockerAttempts } from "./docker-attempts.ts";
import type { Asker } from "./restore-run.ts";
import type { Platform } from "./run-ops.ts";

/** What a restore of a stack with a Postgres of its own has of its platform. */
export interface RestoreParts {
  readonly attempts: Attempts;
  readonly findAgent: () => Promise<Asker>;
}

type Find = (stack: string, steps: Steps) => Promise<RestoreParts>;

/** Where backups are the agent's. */
const PARTS = { docker: onDocker, kubernetes: inCluster } as const satisfies Partial<Record<Platform, Find>>;

/** Finds them. @throws UserError where the platform does not answer */
export function restoreParts(platform: keyof typeof PARTS, stack: string, steps: Steps): Promise<RestoreParts> {
  return PARTS[platform](stack, steps);
}

async function onDocker(stack: string): Promise<RestoreParts> {
  const docker = await findDocker();
  return { attempts: new DockerAttempts(docker, stack), findAgent: () => findAgent(docker, stack) };
}

async function inCluster(stack: string, steps: Steps): Promise<RestoreParts> {
  // With them comes a client.
  const [{ askInCluster, openInCluster }, { clusterAttempts }] = await Promise.all([
    import("./cluster-agent.ts"),
    import("./cluster-attempts.ts"),
  ]);
  const place = await openInCluster(stack, steps);
  return {
    attempts: await clusterAttempts(place),
    findAgent: async () => ({ ask: (question) => askInCluster(place, question) }),
  };
}
