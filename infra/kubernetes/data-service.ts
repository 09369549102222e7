import { StatefulSet } from "@pulumi/kubernetes/apps/v1/statefulSet.js";
import type { input as k8s } from "@pulumi/kubernetes/types/index.js";
import { interpolate, type Input, type Output } from "@pulumi/pulumi";
import { FIRST_GENERATION, type DataSettings } from "../../configs/stack-backup.ts";
import { SECRETS_FOLDER, type Done, type Limits, type Probe } from "../contract.ts";
import { authorityCertificate, serverCertificate } from "./certificate.ts";
import { configMap } from "./config-map.ts";
import { serviceAddress } from "./deployment.ts";
import { serviceAccount } from "./namespace.ts";
import { claimSpec, diskClaim, type DiskArgs } from "./objects.ts";
import { labels, options, selector, type Place } from "./place.ts";
import { mebibytes, podTemplate, type BesideShape, type Mounted, type PullPolicy } from "./pod.ts";
import { mutableName, mutableSecretFiles, secretFiles } from "./secret-files.ts";

/** What both data services are given. */
export interface DataServiceContext {
  readonly image: string;
  readonly pullPolicy: PullPolicy;
  readonly limits: Limits;
  readonly cpuRequestPercent: number;
  readonly disk: DiskArgs;
  /** Which of its disks it serves from, and which others are kept. */
  readonly data: DataSettings;
  /** What certificates are made from; a secret. */
  readonly seed: Output<string>;
  readonly fingerprintKey: Output<string>;
  readonly priorityClass: Input<string>;
  readonly place: Place;
}

export interface DataServiceArgs extends DataServiceContext {
  readonly name: "postgres" | "redis";
  readonly port: number;
  readonly uid: number;
  /** Folder of its data; a disk that outlives the pod stands there. */
  readonly folder: string;
  /** Files by which the image sets who may come in; it takes changes of them in while it serves. */
  readonly logins: Readonly<Record<string, Input<string>>>;
  /** Other secrets by file name, beside its certificate. Another one starts it anew. @default none */
  readonly secrets?: Readonly<Record<string, Input<string>>> | undefined;
  /** Files below {@link FILES_FOLDER}. @default none */
  readonly files?: Readonly<Record<string, string>>;
  /** Behind the image's entry point. */
  readonly args: readonly string[];
  readonly health: Probe;
  /** MiB of shared memory. */
  readonly sharedMemoryMiB?: number;
  /** Plain settings. @default where its secrets are, alone */
  readonly environment?: Readonly<Record<string, string>>;
  /** Who shares its pod and its disk. @default nobody */
  readonly company?: Company;
}

/** Others in the pod of a data service. */
export interface Company {
  /** What the service's own container has for them. */
  readonly mounts: readonly Mounted[];
  /** Groups of all processes in the pod, for disks that others own. */
  readonly groups: readonly number[];
  /** Of the account of the pod. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What has to be there before the pod. @default nothing */
  readonly after?: readonly Done[];
  /** The containers, given where the data is mounted. */
  readonly beside: (data: Mounted) => readonly BesideShape[];
}

/** A data service that stands in the cluster. */
export interface DataService {
  /** Name of its Service. */
  readonly host: Output<string>;
  /** Name by which pods of other namespaces reach it. */
  readonly fullHost: Output<string>;
  /** Authority that signed its certificate, PEM. */
  readonly ca: Output<string>;
  /** It serves when this is there. */
  readonly ready: Done;
}

/** Where a data service finds its configuration and its certificate. */
export const FILES_FOLDER = "/etc/slipway-cluster";
export const CERTIFICATE_FILE = `${SECRETS_FOLDER}/tls.crt`;
export const KEY_FILE = `${SECRETS_FOLDER}/tls.key`;
export const CA_FILE = `${SECRETS_FOLDER}/ca.crt`;

/** Seconds that a database may take to write down what it holds before it is killed. */
const STOP_SECONDS = 60;

/** One pod with one disk: Postgres, Redis. A StatefulSet never lets two servers at one data folder. */
export function dataService(args: DataServiceArgs): DataService {
  const { name, place, seed } = args;
  const set = new StatefulSet(
    name,
    {
      metadata: { name, namespace: place.namespace, labels: labels(name) },
      spec: {
        serviceName: name,
        replicas: 1,
        selector: selector(name),
        template: template(args),
        volumeClaimTemplates: [{ metadata: { name: "data", labels: labels(name) }, spec: claimSpec(args.disk) }],
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      },
    },
    options(place, { protect: place.keep, dependsOn: [...(args.company?.after ?? [])] }),
  );
  // A pod is ready when all of it is: who shares it must not keep clients from the service.
  const isFoundUnready = args.company !== undefined;
  const address = serviceAddress({ name, port: args.port, behind: set, isFoundUnready, place });
  return {
    host: address.metadata.name,
    fullHost: interpolate`${address.metadata.name}.${place.namespace}.svc.cluster.local`,
    ca: seed.apply(authorityCertificate),
    ready: address,
  };
}

function template(args: DataServiceArgs): k8s.core.v1.PodTemplateSpec {
  const { name, place } = args;
  const probe = {
    exec: { command: [...args.health.command] },
    periodSeconds: args.health.intervalSeconds,
    timeoutSeconds: args.health.timeoutSeconds,
    failureThreshold: args.health.retries,
  };
  const startupFailures = Math.ceil(args.health.startSeconds / args.health.intervalSeconds);
  const data = servingDisk(args);
  const { company } = args;
  mutableSecretFiles({ service: name, files: args.logins, place });
  return podTemplate({
    ...args,
    service: name,
    groups: company?.groups ?? [],
    beside: company?.beside(data) ?? [],
    settings: configMap(name, name, { SECRETS_DIR: SECRETS_FOLDER, ...args.environment }, place),
    secrets: secretFiles({
      service: name,
      files: { ...args.secrets, ...certificate(args) },
      key: args.fingerprintKey,
      place,
    }),
    changingSecrets: mutableName(name),
    mounts: [...mounts(args), data, ...(company?.mounts ?? [])],
    account: serviceAccount(name, place, company?.annotations),
    graceSeconds: STOP_SECONDS,
    container: {
      ports: [{ name: "main", containerPort: args.port, protocol: "TCP" }],
      // A large database that was killed reads its log again first: no liveness probe may cut that short for ever.
      startupProbe: { ...probe, failureThreshold: startupFailures },
      readinessProbe: probe,
    },
  });
}

function certificate({ name, place, seed }: DataServiceArgs): Record<string, Output<string>> {
  const made = interpolate`${place.namespace}\n${seed}`.apply((text) => {
    const [namespace = "", known = ""] = text.split("\n");
    return serverCertificate(known, [
      name,
      `${name}.${namespace}`,
      `${name}.${namespace}.svc`,
      `${name}.${namespace}.svc.cluster.local`,
    ]);
  });
  return {
    "tls.crt": made.apply(({ certificate: pem }) => pem),
    "tls.key": made.apply(({ key }) => key),
    "ca.crt": seed.apply(authorityCertificate),
  };
}

function mounts({ name, files, sharedMemoryMiB, place }: DataServiceArgs): Mounted[] {
  const shared = { name: "shared-memory", emptyDir: { medium: "Memory", sizeLimit: mebibytes(sharedMemoryMiB ?? 0) } };
  return [
    ...(files === undefined ? [] : [filesMount(configMap(`${name}-files`, name, files, place))]),
    ...(sharedMemoryMiB === undefined
      ? []
      : [{ volume: shared, mount: { name: "shared-memory", mountPath: "/dev/shm" } }]),
  ];
}

function filesMount(name: Output<string>): Mounted {
  return {
    volume: { name: "files", configMap: { name } },
    mount: { name: "files", mountPath: FILES_FOLDER, readOnly: true },
  };
}

/**
 * The disk that it serves from. That of the first generation is the StatefulSet's own, by its name, and stays in every pod: claims of a
 * StatefulSet cannot be changed. Going from one to another makes and deletes none.
 */
function servingDisk({ name, folder, data, disk, place }: DataServiceArgs): Mounted {
  const { generation, kept } = data;
  const claimOf = (one: string) => diskClaim(`${name}-${one}`, name, disk, place);
  for (const one of kept) if (one !== FIRST_GENERATION) claimOf(one);
  if (generation === FIRST_GENERATION) return { mount: { name: "data", mountPath: folder } };
  const volume = { name: "generation", persistentVolumeClaim: { claimName: claimOf(generation) } };
  return { volume, mount: { name: "generation", mountPath: folder } };
}
