import { Provider } from "@pulumi/kubernetes/provider.js";
import { ComponentResource, getProject, getStack, type Input, type Output } from "@pulumi/pulumi";
import { backupsInCluster } from "../../configs/stack-backup.ts";
import type {
  Cache,
  Database,
  Done,
  ObjectStore,
  Platform,
  ProgramSpec,
  Release,
  ServiceSpec,
  ServiceImage,
} from "../contract.ts";
import type { BackupSecrets, StackSecrets } from "../secrets.ts";
import { MARKER } from "../services.ts";
import { platformPolicies } from "./access.ts";
import { backedUpObjects } from "./backup-agent.ts";
import type { Where } from "./cluster-client.ts";
import { configMap } from "./config-map.ts";
import { cronJob, type CronSchedule } from "./cron-job.ts";
import { dataServices, type Data } from "./data.ts";
import { drill } from "./drill.ts";
import { gpuDaemons } from "./gpu.ts";
import { keda, type Keda } from "./keda.ts";
import { kubeconfigPath } from "./kubeconfig.ts";
import { clusterAccess, markerRights } from "./marker.ts";
import { runOnce } from "./migration.ts";
import { namespace, serviceAccount } from "./namespace.ts";
import { OBJECTS_URL, objectClaim, objectMounts } from "./objects.ts";
import type { Place } from "./place.ts";
import { modelMount, type PullPolicy } from "./pod.ts";
import { priorityClasses, type PriorityName } from "./priority.ts";
import { keeps } from "../keep.ts";
import { limitRange, planQuota, resourceQuota } from "./quota.ts";
import { release } from "./release.ts";
import { mostPods, scaleOf } from "./scale.ts";
import { DISK_LIMITS } from "./shared-disk.ts";
import { fingerprintKey, secretFiles } from "./secret-files.ts";
import { existingObjects, type ObjectAccess } from "./remote-objects.ts";
import { repository, repositoryClaim } from "./repository.ts";
import type { ClusterConfig } from "./settings.ts";
import { GPU_DAEMONS, type Surroundings } from "./surroundings.ts";

export interface KubernetesPlatformArgs {
  readonly config: ClusterConfig;
  readonly secrets: StackSecrets;
  /** Needed where the stack makes backups. */
  readonly backupSecrets?: BackupSecrets;
  /** Content of a kubeconfig, before `kubernetes.kubeconfig`, which is a path. */
  readonly kubeconfig?: Input<string>;
  /** The same for the program itself, which then can compare a new release's pods with those that serve. @default it cannot */
  readonly where?: Where;
  /** Whether GPU workers belong to the stack. */
  readonly hasGpu: boolean;
  /** What the stack brings along itself. @default a cluster that exists, with data services in it or named by the stack's file */
  readonly surroundings?: Surroundings;
}

/** What pods have to get at a store that says itself who they are. */
const NO_ACCESS: ObjectAccess = { environment: {}, secrets: {}, annotations: {} };

/** A namespace of a cluster with data services, the product's programs, and who may speak to whom. */
export class KubernetesPlatform extends ComponentResource implements Platform {
  readonly database: Database;
  readonly cache: Cache;
  readonly objects: ObjectStore;
  readonly hasGpu: boolean;
  /** Name of the namespace, known when it is there. */
  readonly namespace: Output<string>;
  /** Where what a stack brings besides stands in the cluster: in namespaces of its own, or in none. */
  readonly beside: Omit<Place, "namespace">;
  readonly #config: ClusterConfig;
  readonly #where: Where | undefined;
  readonly #place: Place;
  readonly #pullPolicy: PullPolicy;
  readonly #fingerprintKey: Output<string>;
  readonly #priority: Readonly<Record<PriorityName, Output<string>>>;
  readonly #objectClaim: Output<string> | undefined;
  readonly #objectAccess: ObjectAccess;
  readonly #surroundings: Surroundings | undefined;
  readonly #databaseHost: Input<string>;
  readonly #keda: Keda | undefined;
  readonly #needs: readonly Done[];
  readonly #once: ProgramSpec[] = [];

  constructor(name: string, args: KubernetesPlatformArgs) {
    super("slipway:kubernetes:Platform", name);
    const { config, hasGpu, kubeconfig, surroundings } = args;
    const { kubernetes } = config;
    this.#config = config;
    this.#where = args.where;
    this.#surroundings = surroundings;
    this.hasGpu = hasGpu;
    this.#pullPolicy = kubernetes.importedImages ? "Never" : "IfNotPresent";
    const provider = clusterProvider(config, kubeconfig, this);
    const outside = { parent: this, provider, keep: keeps(config) };
    this.beside = outside;
    const ownName = namespaceName(config);
    this.namespace = namespace("namespace", ownName, "restricted", outside);
    this.#place = { ...outside, namespace: this.namespace };
    this.#fingerprintKey = fingerprintKey(this.#place);
    this.#priority = priorityClasses(ownName, this.#place);
    const { storageClass, objects } = kubernetes;
    const existing = surroundings ? undefined : existingObjects(objects);
    const remote = surroundings?.objects ?? existing;
    this.objects = { url: remote?.url ?? OBJECTS_URL };
    this.#objectAccess = existing?.access ?? NO_ACCESS;
    this.#objectClaim = remote ? undefined : objectClaim({ ...objects, storageClass }, this.#place);
    const data = surroundings ?? this.#dataServices(args);
    this.database = data.database.is;
    this.cache = data.cache.is;
    this.#needs = [...data.database.ready, ...data.cache.ready, ...(surroundings?.ready ?? [])];
    this.#databaseHost = kubernetes.keda.databaseHost ?? data.database.fullHost;
    const { database, cache } = data;
    platformPolicies({ config, database, cache, objects: remote, surroundings, place: this.#place });
    this.#keda = kubernetes.keda.install
      ? keda({
          ...{ ...this.#shared(), settings: kubernetes, namespace: ownName, database: data.database },
          ...{ priorityClass: this.#priority.api, nodes: surroundings?.nodes({ name: "keda" }) },
          after: surroundings?.ready ?? [],
        })
      : undefined;
    if (hasGpu && kubernetes.gpu.daemons) this.#gpuDaemons(ownName, outside);
    this.registerOutputs({ namespace: this.namespace });
  }

  /** @param after other steps that it waits for @default none */
  runOnce(spec: ProgramSpec, after: readonly Done[] = []): Done {
    this.#once.push(spec);
    const nodes = this.#surroundings?.nodes(spec);
    return runOnce({ spec, parts: this.#partsOf(spec), nodes, after: [...after, ...this.#needs], place: this.#place });
  }

  /**
   * Runs a program at set times, and never twice at once. To be called before {@link release}, which counts what everything may take.
   * Network policies let it at nothing but DNS until its name stands among the clients above.
   *
   * @param after other steps that it waits for @default none
   */
  runOnSchedule(spec: ProgramSpec, schedule: CronSchedule, after: readonly Done[] = []): Done {
    this.#once.push(spec);
    const nodes = this.#surroundings?.nodes(spec);
    const { parts, place } = { parts: this.#partsOf(spec), place: this.#place };
    return cronJob({ spec, parts, nodes, schedule, after: [...after, ...this.#needs], place });
  }

  release(services: readonly ServiceSpec[], after: readonly Done[]): Release {
    this.#quota(services);
    const rights = services.some(({ name }) => name === MARKER)
      ? markerRights(namespaceName(this.#config), this.#place)
      : [];
    const { shape: gpuShape } = this.#config.kubernetes.gpu;
    return release({
      services: services.map((spec) => ({
        spec,
        parts: this.#partsOf(spec),
        scale: scaleOf(spec.name, spec.replicas, this.#config),
        ...(this.#surroundings && { nodes: this.#surroundings.nodes({ name: spec.name, gpuShape }) }),
      })),
      loadBalancer: this.#surroundings?.loadBalancer,
      config: this.#config,
      where: this.#where,
      database: this.database,
      databaseHost: this.#databaseHost,
      keda: this.#keda,
      after: [...after, ...this.#needs, ...rights],
      place: this.#place,
    });
  }

  /** Postgres and Redis of the stack's own, and drills of what is backed up of them. */
  #dataServices({ config, secrets, backupSecrets }: KubernetesPlatformArgs): Data {
    const settings = backupsInCluster(config);
    const isOwn = config.kubernetes.postgres.external === undefined;
    const claim = isOwn ? repositoryClaim(config, this.#place) : undefined;
    if (settings !== undefined && backupSecrets === undefined)
      throw new Error("The key of backups is missing: it is made where backups are.");
    const backups =
      settings && backupSecrets && claim
        ? {
            repository: repository(settings, backupSecrets, claim),
            objects: backedUpObjects(this.objects, this.#objectClaim, this.#objectAccess),
          }
        : undefined;
    const data = dataServices({
      ...{ ...this.#shared(), config, secrets, backups },
      priorityClass: this.#priority.data,
    });
    if (data.agent) drill(data.agent.args, data.agent.parts, data.database.ready);
    return data;
  }

  #shared() {
    return { place: this.#place, pullPolicy: this.#pullPolicy, fingerprintKey: this.#fingerprintKey };
  }

  /** Everything of a program's pod that is an object of its own. */
  #partsOf(spec: ProgramSpec & Pick<ServiceSpec, "model">) {
    const { kubernetes } = this.#config;
    const { mounts, ...group } = objectMounts(spec.objects, this.#objectClaim);
    const access = spec.objects === "none" ? NO_ACCESS : this.#objectAccess;
    return {
      image: this.#imageOf(spec.image),
      pullPolicy: this.#pullPolicy,
      cpuRequestPercent: kubernetes.cpuRequestPercent,
      settings: configMap(spec.name, spec.name, { ...spec.environment, ...access.environment }, this.#place),
      secrets: secretFiles({
        service: spec.name,
        files: { ...spec.secrets, ...access.secrets },
        key: this.#fingerprintKey,
        place: this.#place,
      }),
      account: serviceAccount(spec.name, this.#place, access.annotations),
      priorityClass: this.#priority[spec.image],
      mounts: [
        ...mounts,
        ...(spec.model === undefined ? [] : [modelMount(spec.model)]),
        ...(spec.name === MARKER ? [clusterAccess()] : []),
      ],
      ...group,
    };
  }

  #imageOf(name: ServiceImage): Input<string> {
    const image = this.#surroundings?.images[name] ?? this.#config.kubernetes.images[name];
    // The file was refused before.
    if (image === undefined) throw new Error(`slipway:kubernetes.images.${name} is missing.`);
    return image;
  }

  #quota(services: readonly ServiceSpec[]): void {
    const { kubernetes, postgres, redis } = this.#config;
    const rows = services.map(({ name, replicas, limits, gpu }) => {
      const pods = mostPods(scaleOf(name, replicas, this.#config));
      return { limits, pods, beside: !gpu, gpu };
    });
    const isInside = (name: "postgres" | "redis") =>
      this.#surroundings === undefined && kubernetes[name].external === undefined;
    const backups = this.#surroundings ? undefined : backupsInCluster(this.#config);
    const data = [
      ...(isInside("postgres") ? [postgres] : []),
      ...(isInside("redis") ? [redis] : []),
      // The agent, a drill and a restore, and who owns the disk of artifacts.
      ...(backups ? [backups, backups, backups, DISK_LIMITS] : []),
    ];
    const others = [...this.#once.map(({ limits }) => limits), ...data];
    const single = others.map((limits) => ({ limits, pods: 1, beside: false, gpu: false }));
    resourceQuota(planQuota([...rows, ...single], this.#surroundings ? 1 : 0), this.#place);
    limitRange(this.#place);
  }

  #gpuDaemons(ownName: string, place: Omit<Place, "namespace">): void {
    const { gpu, images, metrics } = this.#config.kubernetes;
    const { devicePlugin, dcgmExporter } = images;
    if (devicePlugin === undefined || dcgmExporter === undefined)
      throw new Error("slipway:kubernetes.images has no devicePlugin or no dcgmExporter; GPUs need both.");
    gpuDaemons({
      settings: gpu,
      images: { devicePlugin, dcgmExporter },
      pullPolicy: this.#pullPolicy,
      namespace: ownName,
      nodes: this.#surroundings?.nodes({ name: GPU_DAEMONS }),
      divisions: this.#surroundings?.gpuDivisions,
      scrapers: metrics?.namespace,
      place,
    });
  }
}

/** The cluster that the stack's file names; only where it names none, the one that the machine's own kubeconfig points at. */
function clusterProvider({ kubernetes }: ClusterConfig, content: Input<string> | undefined, parent: ComponentResource) {
  const path = kubernetes.kubeconfig;
  const kubeconfig = content ?? (path === undefined ? undefined : kubeconfigPath(path));
  return new Provider(
    "cluster",
    {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(kubernetes.context === undefined ? {} : { context: kubernetes.context }),
      enableServerSideApply: true,
      // All of ours but few are sealed, and named by their content.
      enableConfigMapMutable: true,
      enableSecretMutable: true,
    },
    { parent },
  );
}

/** Namespace of a stack. */
export function namespaceName({ kubernetes }: Pick<ClusterConfig, "kubernetes">): string {
  return kubernetes.namespace ?? `${getProject()}-${getStack()}`;
}
