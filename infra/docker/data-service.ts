import { Container, Volume } from "@pulumi/docker";
import { getProject, getStack, type ComponentResource, type Input, type Output, type Resource } from "@pulumi/pulumi";
import { FIRST_GENERATION, type DataSettings } from "../../configs/stack-backup.ts";
import type { Limits, Probe } from "../contract.ts";
import { hardened, type ContainerShape } from "./container.ts";
import { DATA_LABEL, labels, SERVICE_LABEL } from "./labels.ts";
import type { SecretVolume } from "./secret-files.ts";

export interface DataServiceArgs {
  readonly name: string;
  readonly image: Input<string>;
  readonly uid: number;
  readonly limits: Limits;
  readonly secrets: SecretVolume;
  /** Folder of its data; a volume that outlives the container stands there. */
  readonly folder: string;
  /** Which of its volumes stands there, and which others are kept. */
  readonly data: DataSettings;
  /** What it has besides its volume and its network. */
  readonly besides?: Required<Pick<ContainerShape, "volumes" | "hostFolders" | "networks">>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly health: Probe;
  readonly network: Input<string>;
  /** MiB of shared memory. */
  readonly sharedMemoryMiB?: number;
  readonly parent: ComponentResource;
}

/** Name of a data service on the inner network, the id of its container, and what comes after it. */
export interface DataService {
  readonly host: string;
  readonly id: Output<string>;
  readonly container: Resource;
  /** The volume that it serves from. */
  readonly volume: Output<string>;
}

/** Seconds that a database may take to write down what it holds before it is killed. */
const STOP_SECONDS = 60;

/**
 * One container with one volume: Postgres, Redis. It is replaced in place, never beside: two servers on one data
 * folder would destroy it.
 */
export function dataService(args: DataServiceArgs): DataService {
  const { name, parent, besides } = args;
  const volume = generationVolumes(name, args.data, parent);
  const container = new Container(
    name,
    {
      ...hardened({
        ...args,
        service: name,
        volumes: [{ volume, folder: args.folder, access: "write" }, ...(besides?.volumes ?? [])],
        hostFolders: besides?.hostFolders ?? [],
        networks: [{ name: args.network, aliases: [name] }, ...(besides?.networks ?? [])],
      }),
      ...(args.command ? { command: [...args.command] } : {}),
      ...(args.sharedMemoryMiB === undefined ? {} : { shmSize: args.sharedMemoryMiB }),
      restart: "unless-stopped",
      destroyGraceSeconds: STOP_SECONDS,
    },
    { parent, dependsOn: [args.secrets.writer], deleteBeforeReplace: true },
  );
  return { host: name, id: container.id, container, volume };
}

/**
 * The volumes of every generation of a service's data. Going from one to another makes and deletes none: the one that served
 * is declared as before, and the container alone changes.
 *
 * @returns the one that serves
 */
function generationVolumes(service: string, { generation, kept }: DataSettings, parent: ComponentResource) {
  const volumeOf = (one: string) =>
    dataVolume(one === FIRST_GENERATION ? service : `${service}-${one}`, parent, service);
  for (const one of kept) volumeOf(one);
  return volumeOf(generation);
}

/**
 * A volume with what cannot be made again. Its name is fixed: a volume that a destroyed stack left (`KEEP_DATA=1`) is taken
 * up again, with what is on it, by the next stack of that name, as is one that a restore made and filled.
 *
 * @param service whose data it is @default the volume's own name
 */
export function dataVolume(name: string, parent: ComponentResource, service: string = name): Output<string> {
  return new Volume(
    name,
    {
      name: `${getProject()}-${getStack()}-${name}`,
      labels: labels({ [SERVICE_LABEL]: service, [DATA_LABEL]: "true" }),
    },
    { parent },
  ).name;
}
