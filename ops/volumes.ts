import { FIRST_GENERATION } from "../configs/stack-backup.ts";
import { PROJECT } from "../toolchain/stack.ts";
import { SERVICE_LABEL, STACK_LABEL } from "./agent.ts";

/** Services whose volumes make a generation of data. Only Postgres is restored: Redis is filled from it. */
export const GENERATION_SERVICES = ["postgres", "redis"] as const;
export type GenerationService = (typeof GENERATION_SERVICES)[number];

/** Name of the volume of a generation, as infra/docker/data-service.ts gives it. */
export function volumeName(stack: string, service: GenerationService, generation: string): string {
  return [PROJECT, stack, resourceName(service, generation)].join("-");
}

/** Names of all volumes of a generation. */
export function volumesOf(stack: string, generation: string): string[] {
  return GENERATION_SERVICES.map((service) => volumeName(stack, service, generation));
}

/** Name of the claim of a generation in a cluster, as infra/kubernetes/data-service.ts gives it; the first one is the StatefulSet's own. */
export function claimName(service: GenerationService, generation: string): string {
  return generation === FIRST_GENERATION ? `data-${service}-0` : resourceName(service, generation);
}

/** Names by which the program knows the volumes of a generation. */
export function resourcesOf(generation: string): string[] {
  return GENERATION_SERVICES.map((service) => resourceName(service, generation));
}

function resourceName(service: GenerationService, generation: string): string {
  return generation === FIRST_GENERATION ? service : `${service}-${generation}`;
}

/** The generation that a volume of a service belongs to; nothing where it is no volume of it. */
export function generationOf(stack: string, service: GenerationService, volume: string): string | undefined {
  const first = volumeName(stack, service, FIRST_GENERATION);
  if (volume === first) return FIRST_GENERATION;
  return volume.startsWith(`${first}-`) ? volume.slice(first.length + 1) : undefined;
}

/** Labels of a data volume, just as infra/docker/data-service.ts gives them: others would be a difference that the next deploy mends by deleting. */
export function volumeLabels(stack: string, service: GenerationService): Record<string, string> {
  return { "slipway.project": PROJECT, [STACK_LABEL]: stack, [SERVICE_LABEL]: service, "slipway.data": "true" };
}
