import { fileURLToPath } from "node:url";
import type Docker from "dockerode";
import { PROJECT } from "../toolchain/stack.ts";
import { SERVICE_LABEL, STACK_LABEL } from "./agent.ts";
import { valueOf, sameLimits, sameMounts, type AgentContainer } from "./restore-container.ts";

/** Service of the container that brings artifacts back. */
const SERVICE = "restore-artifacts";

/** Its name: there is one of it at a time. */
export function bringBackName(stack: string): string {
  return [PROJECT, stack, SERVICE].join("-");
}

/**
 * Becomes the owner of the store's folder, with the one capability to read what is another user's: what it writes is the worker's, who
 * sweeps it later, and it can write nothing but that.
 */
const AS_OWNER = `exec setpriv --reuid="$(stat -c %u "$1")" --regid="$(stat -c %g "$1")" --clear-groups \
--inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search -- "$2" "$3" bring-back`;

/**
 * The container that brings back what a restore missed, made from the one of the restore. Nothing else of a stack may write artifacts but
 * the worker: not the agent that serves, which has every backup and the key, and not the restore, which runs a Postgres and the product's
 * code. This one has the store to write, for as long as it takes, and everything else to read.
 *
 * @throws Error where the object store is no folder of the engine
 */
export function bringBackContainer(restore: AgentContainer, stack: string): Docker.ContainerCreateOptions {
  const { Image, Config, HostConfig } = restore;
  const folder = fileURLToPath(valueOf(Config.Env.find((line) => line.startsWith("OBJECTS_URL="))) ?? "");
  const [node = "", program = ""] = Config.Cmd;
  const { Tmpfs, NetworkMode } = HostConfig;
  return {
    Image,
    User: "0:0",
    Env: Config.Env,
    Cmd: ["sh", "-c", AS_OWNER, "sh", folder, node, program],
    WorkingDir: Config.WorkingDir,
    Labels: { "slipway.project": PROJECT, [STACK_LABEL]: stack, [SERVICE_LABEL]: SERVICE },
    HostConfig: {
      ...sameLimits(HostConfig),
      // To become another user, and to have and to keep the reading; none of the others.
      CapAdd: ["SETUID", "SETGID", "SETPCAP", "DAC_READ_SEARCH"],
      GroupAdd: [],
      NetworkMode: NetworkMode ?? "none",
      RestartPolicy: { Name: "no" },
      Tmpfs: { ...Tmpfs },
      Mounts: sameMounts(restore, []).map((mount) => ({ ...mount, ReadOnly: mount.Target !== folder })),
    },
  };
}
