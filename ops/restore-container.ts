import type Docker from "dockerode";
import { z } from "zod";
import { POSTGRES_FOLDER } from "../infra/postgres-image.ts";
import { PROJECT } from "../toolchain/stack.ts";
import { SERVICE_LABEL, STACK_LABEL } from "./agent.ts";
import { volumeName } from "./volumes.ts";

/** Service of the containers that fill a volume. */
export const RESTORE_SERVICE = "restore";

/** Labels of such a container: all that is known of a restore that was begun. */
export const RESTORE_LABELS = {
  generation: "slipway.restore.generation",
  typed: "slipway.restore.typed",
  target: "slipway.restore.target",
} as const;

/** What a restore fills, and from what. */
export interface RestoreOrder {
  readonly stack: string;
  readonly generation: string;
  /** What `--to` was, as it was typed. */
  readonly typed: string;
  /** For the agent. */
  readonly to: string;
  /** The moment that the agent has planned. */
  readonly target: string;
}

/** Only what is looked at here of what the engine says of the agent's container. */
export type AgentContainer = Pick<
  Docker.ContainerInspectInfo,
  "Image" | "Config" | "HostConfig" | "Mounts" | "NetworkSettings"
>;

/**
 * The container that fills a new volume: the agent's image, user, limits, secrets, repositories and artifacts, with the new volume in the
 * place of the data that serves, and without a network, unless a repository is on S3. The socket of the Postgres that serves is not there
 * either: this one cannot be taken for it.
 */
export function restoreContainer(agent: AgentContainer, order: RestoreOrder): Docker.ContainerCreateOptions {
  const { Config, HostConfig } = agent;
  const environment = new Map(Config.Env.map((line) => [line.slice(0, line.indexOf("=")), line] as const));
  const socketFolder = valueOf(environment.get("POSTGRES_SOCKET_DIR")) ?? "/run/slipway/postgres";
  const isOnS3 = valueOf(environment.get("BACKUP_OFFSITE_URL"))?.startsWith("s3:") === true;
  const volume = volumeName(order.stack, "postgres", order.generation);
  const uid = (Config.User || "0").split(":")[0] ?? "0";
  return {
    Image: agent.Image,
    User: Config.User,
    Env: Config.Env,
    Cmd: [...Config.Cmd.slice(0, 2), "restore", "--to", order.to],
    WorkingDir: Config.WorkingDir,
    Labels: labelsOf(order),
    ...(isOnS3 ? { NetworkingConfig: { EndpointsConfig: outerNetworks(agent) } } : {}),
    HostConfig: {
      ...sameLimits(HostConfig),
      NetworkMode: isOnS3 ? (Object.keys(outerNetworks(agent))[0] ?? "none") : "none",
      RestartPolicy: { Name: "no" },
      Tmpfs: { ...HostConfig.Tmpfs, [socketFolder]: `rw,nosuid,nodev,noexec,size=1m,mode=0700,uid=${uid},gid=${uid}` },
      Mounts: [
        ...sameMounts(agent, [POSTGRES_FOLDER, socketFolder]),
        { Type: "volume", Source: volume, Target: POSTGRES_FOLDER, ReadOnly: false },
      ],
    },
  };
}

function labelsOf({ stack, generation, typed, target }: RestoreOrder): Record<string, string> {
  return {
    ...{ "slipway.project": PROJECT, [STACK_LABEL]: stack, [SERVICE_LABEL]: RESTORE_SERVICE },
    ...{ [RESTORE_LABELS.generation]: generation, [RESTORE_LABELS.typed]: typed, [RESTORE_LABELS.target]: target },
  };
}

/** What infra/docker/container.ts gives every container: nothing it does not need. */
export function sameLimits(host: Docker.HostConfig): Docker.HostConfig {
  const { Memory, MemorySwap, NanoCpus, CpuPeriod, CpuQuota, ShmSize } = host;
  const limits = { Memory, MemorySwap, NanoCpus, CpuPeriod, CpuQuota, ShmSize };
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(given),
    GroupAdd: host.GroupAdd ?? [],
    SecurityOpt: ["no-new-privileges"],
    CapDrop: ["ALL"],
    ReadonlyRootfs: true,
    Init: true,
    // Its log is read to the end, by whoever goes on from here.
    LogConfig: { Type: "json-file", Config: {} },
  };
}

/** Its volumes and folders, where they stand in it. */
export function sameMounts({ Mounts }: AgentContainer, but: readonly string[]): Docker.MountSettings[] {
  return Mounts.filter(({ Destination }) => !but.includes(Destination)).flatMap(
    ({ Type, Name, Source, Destination, RW }) => {
      if (Type !== "volume" && Type !== "bind") return [];
      return [{ Type, Source: Name ?? Source, Target: Destination, ReadOnly: !RW }];
    },
  );
}

const networksSchema = z.record(z.string(), z.object({ Aliases: z.array(z.string()).nullish() }));

/** Those that lead out, and not the one that the product's services are on. */
function outerNetworks({ NetworkSettings }: AgentContainer): Record<string, object> {
  const networks = Object.entries(networksSchema.parse(NetworkSettings.Networks));
  return Object.fromEntries(
    networks.filter(([, { Aliases }]) => Aliases?.includes("backup") !== true).map(([name]) => [name, {}]),
  );
}

/** From `NAME=value`. */
export function valueOf(line: string | undefined): string | undefined {
  return line?.slice(line.indexOf("=") + 1);
}
