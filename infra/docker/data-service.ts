import { Container, Volume } from "@pulumi/docker";
import { getProject, getStack, type ComponentResource, type Input, type Output } from "@pulumi/pulumi";
import type { Limits, Probe } from "../contract.ts";
import { hardened } from "./container.ts";
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
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly health: Probe;
  readonly network: Input<string>;
  /** MiB of shared memory. */
  readonly sharedMemoryMiB?: number;
  readonly parent: ComponentResource;
}

/** Name of a data service on the inner network, and the id of its container. */
export interface DataService {
  readonly host: string;
  readonly id: Output<string>;
}

/** Seconds that a database may take to write down what it holds before it is killed. */
const STOP_SECONDS = 60;

/**
 * One container with one volume: Postgres, Redis. It is replaced in place, never beside: two servers on one data
 * folder would destroy it.
 */
export function dataService(args: DataServiceArgs): DataService {
  const { name, parent } = args;
  const volume = dataVolume(name, parent);
  const container = new Container(
    name,
    {
      ...hardened({
        ...args,
        service: name,
        volumes: [{ volume, folder: args.folder, access: "write" }],
        networks: [{ name: args.network, aliases: [name] }],
      }),
      ...(args.command ? { command: [...args.command] } : {}),
      ...(args.sharedMemoryMiB === undefined ? {} : { shmSize: args.sharedMemoryMiB }),
      restart: "unless-stopped",
      destroyGraceSeconds: STOP_SECONDS,
    },
    { parent, dependsOn: [args.secrets.writer], deleteBeforeReplace: true },
  );
  return { host: name, id: container.id };
}

/**
 * A volume with what cannot be made again. Its name is fixed: a volume that a destroyed stack left (`KEEP_DATA=1`) is taken
 * up again, with what is on it, by the next stack of that name.
 */
export function dataVolume(name: string, parent: ComponentResource): Output<string> {
  return new Volume(
    name,
    { name: `${getProject()}-${getStack()}-${name}`, labels: labels({ [SERVICE_LABEL]: name, [DATA_LABEL]: "true" }) },
    { parent },
  ).name;
}
