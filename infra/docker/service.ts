import { createHash } from "node:crypto";
import { Container, type ContainerArgs } from "@pulumi/docker";
import { RandomId } from "@pulumi/random";
import { interpolate, output, type ComponentResource, type Input, type Output, type Resource } from "@pulumi/pulumi";
import { MODEL_FOLDER, type ServiceSpec } from "../contract.ts";
import { hardened, type NetworkMount } from "./container.ts";
import { objectMounts, type ObjectVolume } from "./objects.ts";
import type { SecretVolume } from "./secret-files.ts";

export interface ServiceArgs {
  readonly spec: ServiceSpec;
  readonly image: Input<string>;
  readonly secrets: SecretVolume;
  readonly objects: ObjectVolume;
  readonly network: Input<string>;
  /** Steps that must be done before a container of the service starts. */
  readonly after: readonly Resource[];
  readonly parent: ComponentResource;
}

/** The containers of one release of a service. */
export interface ServiceRelease {
  /** `<service>-<hex digits>`, an alias of every replica on the inner network and of no other container, ever. */
  readonly release: Output<string>;
  readonly ids: readonly Output<string>[];
  readonly image: Output<string>;
  /** Seconds from being told to end to being killed. */
  readonly stopSeconds: number;
}

/** Seconds that the engine gives beyond the drain time, so that a process is never killed while it closes. */
const KILL_MARGIN_SECONDS = 5;

/**
 * Replicas of a service. A change never replaces them in place: the new ones come up beside the old ones under names
 * of their own, and the old ones go when the release has taken over.
 */
export function service(args: ServiceArgs): ServiceRelease {
  const shape = serviceContainer(args);
  const release = releaseName(args, shape);
  const networksAdvanced = [mountUnder(args, release)];
  const ids = Array.from({ length: args.spec.replicas }, (_, replica) => {
    const container = new Container(
      `${args.spec.name}-${replica + 1}`,
      { ...shape, networksAdvanced },
      { parent: args.parent, dependsOn: [...args.after, args.secrets.writer], deleteBeforeReplace: false },
    );
    return container.id;
  });
  return { release, ids, image: output(args.image), stopSeconds: stopSeconds(args.spec) };
}

/**
 * A new name whenever the service's containers change. Random and not their hash: going back to an earlier content
 * while its containers still serve would give both one alias, and requests would reach those that are not ready.
 */
function releaseName({ spec, parent }: ServiceArgs, shape: ContainerArgs): Output<string> {
  const keepers = { shape: output(shape).apply(digest) };
  const name = new RandomId(`${spec.name}-release`, { byteLength: 6, keepers }, { parent });
  return interpolate`${spec.name}-${name.hex}`;
}

/** What a service's container is, but for the alias that follows from it. */
export function serviceContainer({ spec, image, secrets, objects, network }: ServiceArgs): ContainerArgs {
  return {
    ...hardened({
      service: spec.name,
      image,
      uid: spec.uid,
      limits: spec.limits,
      command: spec.command,
      environment: spec.environment,
      health: spec.health,
      secrets,
      ...objectMounts(spec.objects, objects),
      ...(spec.model === undefined
        ? {}
        : { hostFolders: [{ source: spec.model, folder: MODEL_FOLDER, access: "read" }] }),
      networks: [{ name: network }],
    }),
    ...(spec.gpu ? { gpus: "all" } : {}),
    restart: "unless-stopped",
    destroyGraceSeconds: stopSeconds(spec),
  };
}

function stopSeconds({ drainSeconds }: ServiceSpec): number {
  return drainSeconds + KILL_MARGIN_SECONDS;
}

function mountUnder({ network }: ServiceArgs, release: Output<string>): NetworkMount {
  return { name: network, aliases: [release] };
}

function digest(known: unknown): string {
  return createHash("sha256").update(JSON.stringify(known)).digest("hex");
}
