import { FIRST_GENERATION } from "../configs/stack-backup.ts";
import { PROJECT } from "../toolchain/stack.ts";
import { SERVICE_LABEL, STACK_LABEL } from "./agent.ts";

/** Services whose disks make a generation of data. Only Postgres is restored: Redis is filled from it. */
export const GENERATION_SERVICES = ["postgres", "redis"] as const;
export type GenerationService = (typeof GENERATION_SERVICES)[number];

/** A disk of a generation: a volume of a Docker engine, or a claim of a cluster. */
export interface Disk {
  readonly service: GenerationService;
  readonly name: string;
  /** Name by which the program knows it. @default none: it is the platform's own, which makes an empty one in its place */
  readonly resource?: string;
}

/** The disks of a generation, that of Postgres first. */
export type Disks = readonly [postgres: Disk, ...others: Disk[]];

/** Name of the volume of a generation, as infra/docker/data-service.ts gives it. */
export function volumeName(stack: string, service: GenerationService, generation: string): string {
  return [PROJECT, stack, resourceName(service, generation)].join("-");
}

/** All volumes of a generation. */
export function volumesOf(stack: string, generation: string): Disks {
  const volume = (service: GenerationService): Disk => ({
    ...{ service, name: volumeName(stack, service, generation), resource: resourceName(service, generation) },
  });
  return [volume("postgres"), volume("redis")];
}

/** Name of the claim of a generation in a cluster, as infra/kubernetes/data-service.ts gives it; the first one is the StatefulSet's own. */
export function claimName(service: GenerationService, generation: string): string {
  return generation === FIRST_GENERATION ? `data-${service}-0` : resourceName(service, generation);
}

/**
 * All claims of a generation.
 *
 * @param hasRedis whether Redis stands in the cluster too
 */
export function claimsOf(generation: string, hasRedis: boolean): Disks {
  const claim = (service: GenerationService): Disk => ({
    ...{ service, name: claimName(service, generation) },
    ...(generation === FIRST_GENERATION ? {} : { resource: resourceName(service, generation) }),
  });
  return [claim("postgres"), ...(hasRedis ? [claim("redis")] : [])];
}

function resourceName(service: GenerationService, generation: string): string {
  return generation === FIRST_GENERATION ? service : `${service}-${generation}`;
}

/** The generation that a volume of a service belongs to; nothing where it is no volume of it. */
export function generationOf(stack: string, service: GenerationService, volume: string): string | undefined {
  const first = volumeName(stack, service, FIRST_GENERATION);
  return volume === first ? FIRST_GENERATION : behind(first, volume);
}

/** The same of a claim. */
export function generationOfClaim(service: GenerationService, claim: string): string | undefined {
  return claim === claimName(service, FIRST_GENERATION) ? FIRST_GENERATION : behind(service, claim);
}

function behind(first: string, name: string): string | undefined {
  return name.startsWith(`${first}-`) ? name.slice(first.length + 1) : undefined;
}

/** Labels of a data volume, just as infra/docker/data-service.ts gives them: others would be a difference that the next deploy mends by deleting. */
export function volumeLabels(stack: string, service: GenerationService): Record<string, string> {
  return { "slipway.project": PROJECT, [STACK_LABEL]: stack, [SERVICE_LABEL]: service, "slipway.data": "true" };
}

/** `a and b`, for people. */
export function namesOf(disks: Disks): string {
  return disks.map(({ name }) => name).join(" and ");
}

/** `Postgres and Redis are started anew`, for people. */
export function startedAnew(disks: Disks): string {
  return disks.length > 1 ? "Postgres and Redis are started anew" : "Postgres is started anew";
}
