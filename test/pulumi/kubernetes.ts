import { secret } from "@pulumi/pulumi";
import { stackSchema, type StackConfig } from "../../configs/stack.ts";
import { MODEL_FOLDER, SECRETS_FOLDER, type ServiceSpec } from "../../infra/contract.ts";
import { KubernetesPlatform } from "../../infra/kubernetes/platform.ts";
import { clusterConfig } from "../../infra/kubernetes/settings.ts";
import type { Surroundings } from "../../infra/kubernetes/surroundings.ts";
import { backupSecrets, stackSecrets, type StackSecrets } from "../../infra/secrets.ts";
import { describeServices, type Services } from "../../infra/services.ts";
import { canary, TYPES as DOCKER_TYPES } from "./docker.ts";
import type { RenderedService } from "./parity.ts";
import { known, record, type Answers, type RecordedResource } from "./recorder.ts";

/** Types of what a stack in a cluster is made of, by the names that tests use. */
export const TYPES = {
  platform: "slipway:kubernetes:Platform",
  provider: "pulumi:providers:kubernetes",
  password: DOCKER_TYPES.password,
  namespace: "kubernetes:core/v1:Namespace",
  account: "kubernetes:core/v1:ServiceAccount",
  configMap: "kubernetes:core/v1:ConfigMap",
  secret: "kubernetes:core/v1:Secret",
  service: "kubernetes:core/v1:Service",
  claim: "kubernetes:core/v1:PersistentVolumeClaim",
  quota: "kubernetes:core/v1:ResourceQuota",
  limitRange: "kubernetes:core/v1:LimitRange",
  deployment: "kubernetes:apps/v1:Deployment",
  statefulSet: "kubernetes:apps/v1:StatefulSet",
  daemonSet: "kubernetes:apps/v1:DaemonSet",
  job: "kubernetes:batch/v1:Job",
  cronJob: "kubernetes:batch/v1:CronJob",
  budget: "kubernetes:policy/v1:PodDisruptionBudget",
  hpa: "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
  scaledObject: "kubernetes:keda.sh/v1alpha1:ScaledObject",
  trigger: "kubernetes:keda.sh/v1alpha1:TriggerAuthentication",
  clusterTrigger: "kubernetes:keda.sh/v1alpha1:ClusterTriggerAuthentication",
  definition: "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
  apiService: "kubernetes:apiregistration.k8s.io/v1:APIService",
  policy: "kubernetes:networking.k8s.io/v1:NetworkPolicy",
  ingress: "kubernetes:networking.k8s.io/v1:Ingress",
  role: "kubernetes:rbac.authorization.k8s.io/v1:Role",
  roleBinding: "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
  clusterRole: "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
  clusterRoleBinding: "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
  admissionPolicy: "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy",
  admissionBinding: "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding",
  priority: "kubernetes:scheduling.k8s.io/v1:PriorityClass",
} as const;

const DIGEST = "4".repeat(64);

/** An image by its digest. */
export function imageOf(name: string): string {
  return `registry.example/${name}@sha256:${DIGEST}`;
}

const IMAGES = Object.fromEntries(
  [
    "api",
    "worker",
    "postgres",
    "redis",
    "backup",
    "devicePlugin",
    "dcgmExporter",
    "kedaOperator",
    "kedaMetricsServer",
  ].map((name) => [name, imageOf(name)]),
);

/** A stack in a cluster, but for what a test says. */
export function clusterStack(kubernetes: object = {}, more: object = {}): StackConfig {
  return stackSchema.parse({
    ...{ platform: "kubernetes", environment: "dev", ...more },
    kubernetes: { images: IMAGES, ...kubernetes },
  });
}

/** What the plugins would answer; every generated password is a canary. */
export const CLUSTER_ANSWERS: Answers = { [TYPES.password]: (name) => ({ result: secret(canary(name)) }) };

export interface RecordedCluster {
  readonly resources: readonly RecordedResource[];
  readonly services: Services;
  readonly url: string;
  readonly serving: Readonly<Record<string, string>>;
}

interface RecordOptions {
  readonly hasGpu?: boolean;
  /** Whether the cluster has KEDA already. @default true */
  readonly hasKeda?: boolean;
  readonly secrets?: Record<string, string>;
  /** Whether the program reaches the cluster by itself. @default not */
  readonly reaches?: boolean;
  /** Made of the stack's secrets: passwords of its data services are among them. */
  readonly surroundings?: (secrets: StackSecrets) => Surroundings;
}

/** A whole stack in a cluster, as stacks/cluster.ts puts it together. */
export async function recordCluster(
  file: StackConfig,
  { hasGpu = false, hasKeda = true, secrets = {}, reaches = false, surroundings }: RecordOptions = {},
): Promise<RecordedCluster> {
  const config = clusterConfig(file, hasKeda);
  const program = async () => {
    const own = stackSecrets(file.credentials);
    const platform = new KubernetesPlatform("cluster", {
      ...{ config, secrets: own, hasGpu, ...(reaches && { where: {} }) },
      ...(surroundings ? { surroundings: surroundings(own) } : { backupSecrets: backupSecrets() }),
    });
    const { database, cache, objects } = platform;
    const keys = { jwt: own.jwtKeys, hmac: own.hmacKeys };
    const services = describeServices({ config, database, cache, objects, hasGpu, keys });
    const release = platform.release(services.running, [platform.runOnce(services.migrate)]);
    return { services, url: await known(release.url), serving: await known(release.serving) };
  };
  const { result, resources } = await record(program, CLUSTER_ANSWERS, secrets);
  return { resources, ...result };
}

/** The inputs of one resource. */
export function inputsOf({ resources }: Pick<RecordedCluster, "resources">, type: string, name: string) {
  const found = resources.find((resource) => resource.type === type && resource.name === name);
  if (!found) throw new Error(`no ${type} is named ${name}`);
  return found.inputs;
}

/** Logical names of the resources of a type, in order. */
export function namesOf({ resources }: Pick<RecordedCluster, "resources">, type: string): string[] {
  return resources
    .filter((resource) => resource.type === type)
    .map(({ name }) => name)
    .sort();
}

/** What stands at a path of recorded inputs; `undefined` where nothing does. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null ? (inner as Record<string | number, unknown>)[key] : undefined,
    value,
  );
}

/** The same, as a list. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The spec of every pod that the stack's own namespace may run, by kind and name. */
export function podsOf({ resources }: Pick<RecordedCluster, "resources">): Map<string, Record<string, unknown>> {
  const workloads: readonly string[] = [TYPES.deployment, TYPES.statefulSet, TYPES.job, TYPES.daemonSet];
  return new Map(
    resources
      .filter(({ type }) => workloads.includes(type))
      .map(({ type, name, inputs }) => [
        `${type.split(":").at(-1) ?? ""} ${name}`,
        at(inputs, "spec", "template", "spec") as Record<string, unknown>,
      ]),
  );
}

const MEBIBYTES: Readonly<Record<string, number>> = { Mi: 1, Gi: 1024 };

/** What became of a service in the words of the parity test. */
export function renderedByKubernetes(stack: RecordedCluster, spec: ServiceSpec): RenderedService {
  const { name } = spec;
  const deployment = inputsOf(stack, TYPES.deployment, name);
  const pod = at(deployment, "spec", "template", "spec");
  const container = at(pod, "containers", 0);
  const settings = byOwnName(stack, TYPES.configMap, at(container, "envFrom", 0, "configMapRef", "name"));
  const volumes = listAt(pod, "volumes");
  const mountAt = (path: string) => {
    const mount = listAt(container, "volumeMounts").find((one) => at(one, "mountPath") === path);
    return volumes.find((volume) => at(volume, "name") === at(mount, "name") && mount !== undefined);
  };
  const secrets = byOwnName(stack, TYPES.secret, at(mountAt(SECRETS_FOLDER), "secret", "secretName"));
  const [, size = "", unit = ""] = /^(\d+)(Mi|Gi)$/.exec(String(at(container, "resources", "limits", "memory"))) ?? [];
  return {
    image: String(at(container, "image")),
    command: listAt(container, "command").map(String),
    environment: at(settings, "data") as Record<string, string>,
    secretFiles: Object.fromEntries(
      Object.entries(at(secrets, "data") as Record<string, string>).map(([file, text]) => [
        file,
        Buffer.from(text, "base64").toString("utf8"),
      ]),
    ),
    uid: Number(at(pod, "securityContext", "runAsUser")),
    memoryMiB: Number(size) * (MEBIBYTES[unit] ?? 0),
    cpus: cores(String(at(container, "resources", "limits", "cpu"))),
    probe: asCommand(container, spec),
    replicas: Number(at(deployment, "spec", "replicas")),
    gpu: at(container, "resources", "limits", "nvidia.com/gpu") === "1",
    model: at(mountAt(MODEL_FOLDER), "persistentVolumeClaim", "claimName") as string | undefined,
  };
}

/** A question over HTTP that is word for word what jobs/healthcheck.ts asks is that command. */
function asCommand(container: unknown, { port, health }: ServiceSpec): readonly string[] {
  const asked = at(container, "readinessProbe", "httpGet");
  const isSame = at(asked, "path") === "/health/ready" && at(asked, "port") === port && at(asked, "scheme") === "HTTP";
  return isSame ? health.command : [];
}

function cores(text: string): number {
  return text.endsWith("m") ? Number(text.slice(0, -1)) / 1000 : Number(text);
}

function byOwnName({ resources }: RecordedCluster, type: string, name: unknown): Readonly<Record<string, unknown>> {
  const found = resources.find((one) => one.type === type && at(one.inputs, "metadata", "name") === name);
  if (!found) throw new Error(`no ${type} has the name ${String(name)}`);
  return found.inputs;
}
