import type { Input } from "@pulumi/pulumi";
import type { Done } from "../contract.ts";
import { POSTGRES_UID } from "../postgres-image.ts";
import type { AgentArgs, AgentParts } from "./backup-agent.ts";
import { runOnce } from "./migration.ts";
import { serviceAccount } from "./namespace.ts";
import { objectMounts } from "./objects.ts";

const NAME = "artifacts-disk";

/** It does nothing. */
export const DISK_LIMITS = { memoryMiB: 64, cpus: 0.1 } as const;

/**
 * Gives the disk of artifacts to the group that reads and writes them, before Postgres' pod mounts it. That one only looks, as who gets a disk
 * read-only gives it to nobody; and some disks (local volumes) are given to a group at their first mount alone, while they have one.
 */
export function ownedDisk(args: AgentArgs, parts: AgentParts, claimName: Input<string>): Done {
  const { image, pullPolicy, cpuRequestPercent } = parts;
  return runOnce({
    spec: { name: NAME, uid: POSTGRES_UID, limits: DISK_LIMITS, command: ["/bin/true"] },
    parts: {
      ...{ image, pullPolicy, cpuRequestPercent, account: serviceAccount(NAME, args.place) },
      ...objectMounts("write", claimName),
    },
    after: [],
    place: args.place,
  });
}
