import { BACKUP_PROGRAM } from "../backup-program.ts";
import type { Done } from "../contract.ts";
import { DRILL } from "../services.ts";
import { POSTGRES_UID } from "../postgres-image.ts";
import { drillCron } from "../plan/drill-cron.ts";
import { agentFiles, agentLogins, agentSettings, type AgentArgs, type AgentParts } from "./backup-agent.ts";
import { configMap } from "./config-map.ts";
import { cronJob } from "./cron-job.ts";
import { serviceAccount } from "./namespace.ts";
import { claimSpec } from "./objects.ts";
import { labels, selector } from "./place.ts";
import type { Mounted } from "./pod.ts";
import { secretFiles } from "./secret-files.ts";

/** Folder in which a drill restores. */
const FOLDER = "/var/lib/slipway/drill";

/** Six hours: a drill that takes longer has failed, whatever it would say. */
const DEADLINE_SECONDS = 6 * 60 * 60;

/** Its log can be read for an hour; what came of it stands in Postgres. */
const GONE_AFTER_SECONDS = 60 * 60;

/** Beside the database itself: WAL, and what Postgres writes. */
const SPARE_GIB = 2;

/**
 * Restores the newest backup at set times, in a pod that reads the repository and changes nothing in it, on a disk of its own that goes
 * with the pod. It stands on Postgres' node, where the repository's disk is, and has less than others to say who is evicted first.
 */
export function drill(args: AgentArgs, parts: AgentParts, after: readonly Done[]): void {
  const { repository, objects, place } = args;
  const { limits, ...shape } = parts;
  const { dailyAt, fullOn, drillDays } = repository.settings;
  const settings = { ...agentSettings(args, args), POSTGRES_ASKED: "network", BACKUP_DRILL_DIR: FOLDER };
  cronJob({
    spec: { name: DRILL, uid: POSTGRES_UID, limits, command: [...BACKUP_PROGRAM, "drill"] },
    parts: {
      ...shape,
      settings: configMap(DRILL, DRILL, settings, place),
      secrets: secretFiles({
        ...{ service: DRILL, files: { ...agentLogins(args), ...agentFiles(args) } },
        ...{ key: args.fingerprintKey, place },
      }),
      account: serviceAccount(DRILL, place, objects.access.annotations),
      mounts: [repository.mount("read"), disk(args), ...objects.mounts],
    },
    nodes: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [besidePostgres()] } } },
    schedule: {
      cron: drillCron({ dailyAt, fullOn, drillDays }),
      deadlineSeconds: DEADLINE_SECONDS,
      goneAfterSeconds: GONE_AFTER_SECONDS,
      // Any time of the day will do.
      lateSeconds: DEADLINE_SECONDS,
    },
    after,
    place,
  });
}

function disk({ config: { kubernetes } }: AgentArgs): Mounted {
  const size = { storageGiB: kubernetes.postgres.storageGiB + SPARE_GIB, storageClass: kubernetes.storageClass };
  const volumeClaimTemplate = { metadata: { labels: labels(DRILL) }, spec: claimSpec(size) };
  return {
    volume: { name: "drill", ephemeral: { volumeClaimTemplate } },
    mount: { name: "drill", mountPath: FOLDER },
  };
}

function besidePostgres() {
  return { labelSelector: selector("postgres"), topologyKey: "kubernetes.io/hostname" };
}
