import { DRILL, MARKER } from "../services.ts";
import type { Database } from "../contract.ts";
import { BACKUP_PORT } from "../backup-environment.ts";
import { backupsInCluster, type BackupSettings } from "../../configs/stack-backup.ts";
import { clusterApi, networkPolicies, type PeerAccess } from "./network-policy.ts";
import type { Place } from "./place.ts";
import { offsitePeers } from "./repository.ts";
import type { ClusterConfig } from "./settings.ts";
import type { RemoteObjects, Surroundings } from "./surroundings.ts";

/** Programs by their service label that speak to the data services. */
const CLIENTS = {
  postgres: ["api", "worker-cpu", "worker-gpu", MARKER, "migrate"],
  redis: ["api", "worker-cpu", "worker-gpu"],
};

/** Pods with the backup agent's program, by their label: it is beside Postgres, tries the newest backup, and fills a disk. */
const BACKUP_PODS = ["postgres", DRILL, "restore"];

/** Programs that read or write artifacts. */
const OBJECT_CLIENTS = ["api", "worker-cpu", "worker-gpu"];

/** Programs that show metrics, and the port of all of them, the backup agent among them. */
const MEASURED = { services: ["api", "worker-cpu", "worker-gpu"], port: BACKUP_PORT };

export interface PlatformAccess extends Pick<Surroundings, "database" | "cache"> {
  readonly config: ClusterConfig;
  /** Where artifacts are, if they are no disk. */
  readonly objects: RemoteObjects | undefined;
  readonly surroundings: Surroundings | undefined;
  readonly place: Place;
}

/** Who may speak to whom in a stack's namespace. */
export function platformPolicies(args: PlatformAccess): void {
  const { config, database, cache, place } = args;
  const { kubernetes } = config;
  const backups = args.surroundings ? undefined : backupsInCluster(config);
  const { loadBalancer } = args.surroundings ?? {};
  const keda = kubernetes.autoscaler === "keda" ? [kubernetes.keda.namespace] : [];
  const postgresClients = [...clientsOfPostgres(database.is), ...(backups ? [DRILL] : [])];
  const redisClients = [...CLIENTS.redis, ...(backups ? ["postgres"] : [])];
  networkPolicies({
    data: [
      { name: "postgres", clients: postgresClients, namespaces: keda, ...database.where },
      { name: "redis", clients: redisClients, namespaces: [], ...cache.where },
    ],
    api: { name: "api", port: 8000 },
    ...(kubernetes.ingress === undefined ? {} : { ingressNamespace: kubernetes.ingress.namespace }),
    ...(loadBalancer === undefined ? {} : { loadBalancer: loadBalancer.cidrs }),
    peers: peersOf(args, backups),
    ...(kubernetes.metrics && { metrics: { ...measured(backups), namespace: kubernetes.metrics.namespace } }),
    place,
  });
}

function clientsOfPostgres({ masterSecret, drilled }: Database): readonly string[] {
  return [
    ...CLIENTS.postgres,
    ...(masterSecret === undefined ? [] : ["prepare"]),
    // The network of databases, and so the restored one too.
    ...(drilled === undefined ? [] : [DRILL]),
  ];
}

function measured(backups: BackupSettings | undefined): typeof MEASURED {
  return backups ? { ...MEASURED, services: [...MEASURED.services, "postgres"] } : MEASURED;
}

function peersOf(
  { config: { kubernetes }, objects, surroundings }: PlatformAccess,
  backups: BackupSettings | undefined,
): PeerAccess[] {
  const objectClients = [...OBJECT_CLIENTS, ...(backups ? BACKUP_PODS : [])];
  const offsite = backups ? offsitePeers(backups) : [];
  return [
    ...(objects ? [{ name: "clients-to-objects", clients: objectClients, peers: objects.peers }] : []),
    ...(offsite.length > 0 ? [{ name: "backups-to-offsite", clients: BACKUP_PODS, peers: offsite }] : []),
    ...(surroundings?.peers ?? []),
    ...toClusterApi(kubernetes),
  ];
}

function toClusterApi(kubernetes: ClusterConfig["kubernetes"]): PeerAccess[] {
  const peers = clusterApi(kubernetes);
  return kubernetes.busyWorkers.marked ? [{ name: "marker-to-cluster-api", clients: [MARKER], peers }] : [];
}
