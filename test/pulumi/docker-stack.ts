import type { StackConfig } from "../../configs/stack.ts";
import { DockerPlatform } from "../../infra/docker/platform.ts";
import { IMAGES, type ContextManifest } from "../../infra/images/contexts.ts";
import { backupSecrets, stackSecrets } from "../../infra/secrets.ts";
import { describeServices, type Services } from "../../infra/services.ts";
import { DOCKER_ANSWERS } from "./docker.ts";
import { record, type RecordedResource } from "./recorder.ts";

export interface RecordedStack {
  readonly resources: readonly RecordedResource[];
  /** The descriptions that it was rendered from. */
  readonly services: Services;
}

export interface StackOptions {
  readonly hasGpu?: boolean;
  /** Secrets that the stack brings along, by key. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** A whole stack on a Docker engine, as stacks/dev.ts puts it together. */
export async function recordStack(config: StackConfig, options: StackOptions = {}): Promise<RecordedStack> {
  const { hasGpu = false, secrets = {} } = options;
  const program = () => {
    const own = stackSecrets(config.credentials);
    const platform = new DockerPlatform("docker", { config, secrets: own, backupSecrets: backupSecrets(), hasGpu });
    const { database, cache, objects } = platform;
    const services = describeServices({
      config,
      database,
      cache,
      objects,
      hasGpu,
      keys: { jwt: own.jwtKeys, hmac: own.hmacKeys },
      aes: own.aes,
    });
    platform.release(services.running, [platform.runOnce(services.migrate)]);
    return services;
  };
  const { result, resources } = await record(program, DOCKER_ANSWERS, secrets);
  return { resources, services: result };
}

/** Logical names of the resources of a type, in order. */
export function names({ resources }: RecordedStack, type: string): string[] {
  return resources
    .filter((resource) => resource.type === type)
    .map(({ name }) => name)
    .sort();
}

/** Contexts that are up to date: what is in the images is not asked, so nothing is bundled. */
export function manifestOfAll(): ContextManifest {
  const contexts = Object.keys(IMAGES).map((name) => [name, { context: `dist/images/${name}`, hash: `hash-${name}` }]);
  return { sources: "", images: Object.fromEntries(contexts) as ContextManifest["images"] };
}
