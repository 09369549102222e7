import type { ContainerArgs } from "@pulumi/docker";
import { interpolate, type Input } from "@pulumi/pulumi";
import { SECRETS_FOLDER, type Limits, type Probe } from "../contract.ts";
import { labels, SERVICE_LABEL } from "./labels.ts";
import type { SecretVolume } from "./secret-files.ts";

/** What every container of ours has in common; `hardened` turns it into arguments. */
export interface ContainerShape {
  readonly service: string;
  readonly image: Input<string>;
  readonly uid: number;
  readonly limits: Limits;
  /** Volume with the secrets of the service. */
  readonly secrets?: SecretVolume;
  /** Volumes by the folder that they stand at. */
  readonly volumes?: readonly VolumeMount[];
  readonly hostFolders?: readonly HostFolder[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, Input<string>>>;
  readonly health?: Probe;
  readonly networks: readonly NetworkMount[];
  readonly groups?: readonly string[];
}

export interface VolumeMount {
  readonly volume: Input<string>;
  readonly folder: string;
  readonly access: "read" | "write";
}

/** A folder of the engine's host, which has to be there. */
export interface HostFolder {
  readonly source: string;
  readonly folder: string;
  readonly access: "read" | "write";
}

export interface NetworkMount {
  readonly name: Input<string>;
  readonly aliases?: Input<Input<string>[]>;
}

/** MiB that /tmp may take; a tmpfs counts towards the container's memory limit. */
const TMP_MIB = 64;

/**
 * Arguments of a container with nothing it does not need: not root, read-only root, no capabilities, no new
 * privileges, limits, an init process, logs that end at 100 MB.
 */
export function hardened(shape: ContainerShape): ContainerArgs {
  const user = `${shape.uid}:${shape.uid}`;
  return {
    image: shape.image,
    ...(shape.command ? { command: [...shape.command] } : {}),
    envs: Object.entries(shape.environment ?? {}).map(([name, value]) => assignment(name, value)),
    user,
    groupAdds: [...(shape.groups ?? [])],
    readOnly: true,
    capabilities: { drops: ["ALL"] },
    securityOpts: ["no-new-privileges"],
    init: true,
    memory: shape.limits.memoryMiB,
    // Equal to memory: no swap. A queue worker that swaps is slower than one that is started again.
    memorySwap: shape.limits.memoryMiB,
    cpus: cpuShare(shape.limits.cpus),
    tmpfs: { "/tmp": `rw,nosuid,nodev,noexec,size=${TMP_MIB}m,mode=1777` },
    mounts: mounts(shape),
    networksAdvanced: shape.networks.map((network) => ({
      name: network.name,
      ...(network.aliases ? { aliases: network.aliases } : {}),
    })),
    logDriver: "json-file",
    logOpts: { "max-size": "50m", "max-file": "2" },
    labels: labels({ [SERVICE_LABEL]: shape.service }),
    ...(shape.health ? { healthcheck: healthcheck(shape.health) } : {}),
  };
}

function assignment(name: string, value: Input<string>): Input<string> {
  return typeof value === "string" ? `${name}=${value}` : interpolate`${name}=${value}`;
}

function mounts(shape: ContainerShape) {
  const secrets = shape.secrets
    ? [{ volume: shape.secrets.name, folder: SECRETS_FOLDER, access: "read" } satisfies VolumeMount]
    : [];
  const volumes = [...secrets, ...(shape.volumes ?? [])].map(({ volume, folder, access }) => ({
    type: "volume",
    target: folder,
    source: volume,
    readOnly: access === "read",
  }));
  const folders = (shape.hostFolders ?? []).map(({ source, folder, access }) => ({
    type: "bind",
    target: folder,
    source,
    readOnly: access === "read",
  }));
  return [...volumes, ...folders];
}

function healthcheck(probe: Probe) {
  return {
    tests: ["CMD", ...probe.command],
    interval: duration(probe.intervalSeconds),
    timeout: duration(probe.timeoutSeconds),
    startPeriod: duration(probe.startSeconds),
    retries: probe.retries,
  };
}

/** Seconds as the engine writes them back (`90` becomes `1m30s`), so that a preview sees no difference. */
export function duration(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  if (hours > 0) return `${hours}h${minutes}m${rest}s`;
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`;
}

/**
 * Cores as the plugin writes them back (`1` becomes `1.0`, `10` becomes `10.`), for the same reason. From 10 on they are
 * rounded to a tenth: the plugin writes some finer numbers back wrong there (`20.05` as `20.1`).
 */
export function cpuShare(cores: number): string {
  const text = (cores < 10 ? cores : Math.round(cores * 10) / 10).toFixed(9);
  return text.replaceAll(/[^0]/g, "").length === 9 ? text.slice(0, -8) : text.replace(/0+$/, "");
}
