import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource.js";
import { APIService } from "@pulumi/kubernetes/apiregistration/v1/apiservice.js";
import { Deployment } from "@pulumi/kubernetes/apps/v1/deployment.js";
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import { Service } from "@pulumi/kubernetes/core/v1/service.js";
import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import { interpolate, type Input, type Output } from "@pulumi/pulumi";
import type { Database, Done, Limits } from "../contract.ts";
import { configMap } from "./config-map.ts";
import { kedaKinds } from "./keda-kinds.ts";
import { ADAPTER, KEDA_PORTS, kedaPolicies, OPERATOR } from "./keda-policies.ts";
import { CERTIFICATES, kedaRights, METRICS_API } from "./keda-rights.ts";
import { clusterAccess } from "./marker.ts";
import { namespace, serviceAccount } from "./namespace.ts";
import { clusterApi } from "./network-policy.ts";
import { labels, options, selector, type Place } from "./place.ts";
import { nodesOf, podTemplate, type Mounted, type PullPolicy } from "./pod.ts";
import { secretFiles } from "./secret-files.ts";
import type { ClusterSettings } from "./settings.ts";
import type { NodeChoice, Server } from "./surroundings.ts";

export interface KedaArgs {
  readonly settings: ClusterSettings;
  readonly pullPolicy: PullPolicy;
  readonly database: Server<Database>;
  /** Name of the stack's namespace, as it stands in names of what the whole cluster has. */
  readonly namespace: string;
  readonly fingerprintKey: Output<string>;
  readonly priorityClass: Input<string>;
  readonly nodes?: NodeChoice | undefined;
  /** What has to be there before a pod starts. */
  readonly after: readonly Done[];
  /** The stack's namespace. */
  readonly place: Place;
}

/** KEDA, where the stack brings it. */
export interface Keda {
  /** Name of the ClusterTriggerAuthentication by which triggers get at the database. */
  readonly access: Output<string>;
  /** It scales when these are there, and takes its leave from what it scales as long as they are. */
  readonly ready: readonly Done[];
}

/** User of KEDA's own images; no file of theirs is its. */
const UID = 65_532;

/** Where client-go looks for a token, and KEDA for its certificates; the last is ours. */
const FOLDERS = { token: "/var/run/secrets/kubernetes.io/serviceaccount", certificates: "/certs", ca: "/etc/database" };

/** Seconds that a new pod may take: a node may have to come first, and the operator makes its certificates and starts again. */
const DEADLINE_SECONDS = 600;

const GRACE_SECONDS = 10;

/**
 * KEDA for one stack: it looks at that namespace alone, and reads no Secret of it. What it needs of the database stands in its own namespace.
 * Kinds and the part of the API that it answers belong to the whole cluster, which has one KEDA.
 */
export function keda(args: KedaArgs): Keda {
  const { settings, place } = args;
  const { namespace: own } = settings.keda;
  // Nothing in it that could not be made again.
  const name = namespace("keda", own, "restricted", { ...place, keep: false });
  const home = { ...place, namespace: name };
  const kinds = kedaKinds(place);
  const account = (program: string) => ({ name: serviceAccount(program, home), namespace: name });
  const [operator, adapter] = [account(OPERATOR), account(ADAPTER)];
  const rights = kedaRights({ operator, adapter, namespace: args.namespace, stack: place, home });
  const scrapers = settings.metrics?.namespace;
  kedaPolicies({ ...args, namespace: place.namespace, clusterApi: clusterApi(settings), scrapers, home });
  const certificates = emptyCertificates(home);
  const after = [...args.after, ...kinds, ...rights];
  const running = program({ ...args, ...operatorPart(args, home), account: operator.name, certificates, after, home });
  const address = serviceOf(OPERATOR, [{ name: "triggers", port: KEDA_PORTS.triggers }], home);
  // The operator fills the certificates that the adapter's pod waits for.
  const asked = program({
    ...{ ...args, ...adapterPart(args, home), account: adapter.name, certificates },
    ...{ after: [...after, running, address], home },
  });
  const api = metricsApi([asked], home);
  return { access: databaseAccess(args, [running], home), ready: [running, asked, api] };
}

/** There before anybody writes into it, so that the operator needs no right to make Secrets. */
function emptyCertificates(home: Place): Output<string> {
  const made = new Secret(
    "keda-certificates",
    { metadata: { name: CERTIFICATES, namespace: home.namespace, labels: labels(OPERATOR) } },
    options(home),
  );
  return made.metadata.name;
}

/** What only one of the two programs has. */
interface Part {
  readonly name: string;
  readonly image: string;
  readonly limits: Limits;
  /** Program in the image, and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, Input<string>>>;
  readonly mounts: readonly Mounted[];
  readonly ports: Readonly<Record<string, number>>;
  readonly probe: { readonly port: number; readonly scheme: "HTTP" | "HTTPS" };
  /** Whether its pod waits for certificates. */
  readonly needsCertificates: boolean;
}

/** @throws Error where the file names no such image; it was refused before */
function imageOf(name: "kedaOperator" | "kedaMetricsServer", { images }: ClusterSettings): string {
  const image = images[name];
  if (image === undefined) throw new Error(`slipway:kubernetes.images.${name} is missing; KEDA needs it.`);
  return image;
}

function operatorPart({ settings, database, place }: KedaArgs, home: Place): Part {
  const ca = database.is.tls?.ca;
  const name = ca === undefined ? undefined : configMap("keda-database-ca", OPERATOR, { "ca.crt": ca }, home);
  const volume = { name: "database-ca", configMap: { name: name ?? "" } };
  return {
    ...{ name: OPERATOR, image: imageOf("kedaOperator", settings), limits: { memoryMiB: 256, cpus: 0.5 } },
    command: [
      ...["/keda", "--leader-elect", "--zap-log-level=info", "--zap-encoder=json", "--zap-time-encoding=rfc3339"],
      ...["--enable-cert-rotation=true", "--enable-webhook-patching=false", `--cert-dir=${FOLDERS.certificates}`],
    ],
    environment: {
      ...watching(place, home),
      // Secrets of its own namespace alone, which it has no right to others of either.
      KEDA_RESTRICT_SECRET_ACCESS: "true",
      KEDA_CLUSTER_OBJECT_NAMESPACE: home.namespace,
      ...(name === undefined ? {} : { PGSSLROOTCERT: `${FOLDERS.ca}/ca.crt` }),
    },
    mounts:
      name === undefined ? [] : [{ volume, mount: { name: "database-ca", mountPath: FOLDERS.ca, readOnly: true } }],
    ports: { metrics: KEDA_PORTS.metrics, triggers: KEDA_PORTS.triggers, health: KEDA_PORTS.health },
    probe: { port: KEDA_PORTS.health, scheme: "HTTP" },
    needsCertificates: false,
  };
}

function adapterPart({ settings, place }: KedaArgs, home: Place): Part {
  const { certificates: folder } = FOLDERS;
  return {
    ...{ name: ADAPTER, image: imageOf("kedaMetricsServer", settings), limits: { memoryMiB: 256, cpus: 0.25 } },
    command: [
      ...["/keda-adapter", `--secure-port=${KEDA_PORTS.adapter}`, "--zap-log-level=info", "--zap-encoder=json"],
      ...[`--client-ca-file=${folder}/ca.crt`, `--tls-cert-file=${folder}/tls.crt`],
      ...[`--tls-private-key-file=${folder}/tls.key`, `--cert-dir=${folder}`],
    ],
    environment: watching(place, home),
    mounts: [],
    ports: { https: KEDA_PORTS.adapter, metrics: KEDA_PORTS.metrics },
    probe: { port: KEDA_PORTS.adapter, scheme: "HTTPS" },
    needsCertificates: true,
  };
}

function watching(stack: Place, home: Place) {
  return { WATCH_NAMESPACE: stack.namespace, POD_NAMESPACE: home.namespace };
}

interface ProgramArgs extends Part, Pick<KedaArgs, "settings" | "pullPolicy" | "priorityClass" | "nodes" | "after"> {
  readonly account: Input<string>;
  readonly certificates: Input<string>;
  readonly home: Place;
}

/** One pod: another one takes over only when the first is gone, and what scales meanwhile stays as it is. */
function program({ name, home, after, ...part }: ProgramArgs): Deployment {
  const { probe, ports } = part;
  const ask = (path: string) => ({ httpGet: { path, ...probe }, periodSeconds: 5, timeoutSeconds: 4 });
  const template = podTemplate({
    ...{ ...part, service: name, uid: UID, graceSeconds: GRACE_SECONDS },
    cpuRequestPercent: part.settings.cpuRequestPercent,
    settings: configMap(name, name, part.environment, home),
    mounts: [clusterAccess(FOLDERS.token), certificateFiles(part), ...part.mounts],
    container: {
      ports: Object.entries(ports).map(([key, containerPort]) => ({ name: key, containerPort, protocol: "TCP" })),
      startupProbe: { ...ask("/healthz"), failureThreshold: 24 },
      readinessProbe: ask("/readyz"),
      livenessProbe: ask("/healthz"),
    },
    pod: nodesOf(part.nodes ?? {}),
  });
  return new Deployment(
    name,
    {
      metadata: { name, namespace: home.namespace, labels: labels(name) },
      spec: {
        ...{ replicas: 1, selector: selector(name), template, progressDeadlineSeconds: DEADLINE_SECONDS },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      },
    },
    options(home, { dependsOn: [...after] }),
  );
}

function certificateFiles({
  certificates,
  needsCertificates,
}: ProgramArgs | Omit<ProgramArgs, "name" | "home" | "after">): Mounted {
  const items = ["ca.crt", "tls.crt", "tls.key"].map((key) => ({ key, path: key }));
  const secret = { secretName: certificates, defaultMode: 0o400, items, optional: !needsCertificates };
  return {
    volume: { name: "certificates", secret },
    mount: { name: "certificates", mountPath: FOLDERS.certificates, readOnly: true },
  };
}

interface Port {
  readonly name: string;
  readonly port: number;
  readonly targetPort?: number;
}

function serviceOf(name: string, ports: readonly Port[], home: Place, behind: readonly Done[] = []): Service {
  const spec: k8s.core.v1.ServiceSpec = {
    selector: selector(name).matchLabels,
    ports: ports.map(({ targetPort, ...one }) => ({ ...one, targetPort: targetPort ?? one.port, protocol: "TCP" })),
  };
  // The operator restarts once, so that nobody stands behind it for a moment.
  const annotations = { "pulumi.com/skipAwait": "true" };
  const metadata = { name, namespace: home.namespace, labels: labels(name), annotations };
  return new Service(name, { metadata, spec }, options(home, { dependsOn: [...behind] }));
}

/** What the cluster's autoscaler asks for what triggers say. Its certificate's authority is put in by the operator. */
function metricsApi(behind: readonly Done[], home: Place): APIService {
  const service = serviceOf(ADAPTER, [{ name: "https", port: 443, targetPort: KEDA_PORTS.adapter }], home, behind);
  const [version = "", ...group] = METRICS_API.split(".");
  return new APIService(
    "keda-metrics",
    {
      metadata: { name: METRICS_API, labels: labels(ADAPTER) },
      spec: {
        ...{ group: group.join("."), version, groupPriorityMinimum: 100, versionPriority: 100 },
        service: { name: service.metadata.name, namespace: home.namespace, port: 443 },
      },
    },
    options(home),
  );
}

/** The database's password where the operator finds it, and how triggers name it. */
function databaseAccess({ database, namespace: stack, ...args }: KedaArgs, after: readonly Done[], home: Place) {
  const name = secretFiles({
    service: "keda-database",
    files: { "database-password": database.is.app.password },
    ...{ key: args.fingerprintKey, place: home },
  });
  const made = new CustomResource(
    "keda-database",
    {
      apiVersion: "keda.sh/v1alpha1",
      kind: "ClusterTriggerAuthentication",
      metadata: { name: `${stack}-database`, labels: labels(OPERATOR) },
      spec: { secretTargetRef: [{ parameter: "password", name, key: "database-password" }] },
    },
    // The operator leaves a mark on it that only the operator takes away.
    options(home, { dependsOn: [...after] }),
  );
  return interpolate`${made.metadata.name}`;
}
