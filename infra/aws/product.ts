import type { Output } from "@pulumi/pulumi";
import type { AwsBackupSettings } from "../../configs/aws-backup-settings.ts";
import { wantsGpu } from "../../configs/stack-faults.ts";
import type { AskedService } from "../contract.ts";
import { KubernetesPlatform } from "../kubernetes/platform.ts";
import type { ClusterConfig } from "../kubernetes/settings.ts";
import type { Surroundings } from "../kubernetes/surroundings.ts";
import type { StackSecrets } from "../secrets.ts";
import { describeServices } from "../services.ts";
import type { AutoscalerPlan } from "./autoscaler-plan.ts";
import { autoscaler } from "./autoscaler.ts";
import { drillSchedule } from "./drilled-database.ts";
import type { Foundation } from "./foundation.ts";
import type { AwsPlace } from "./place.ts";

export interface ProductArgs {
  /** Of `awsClusterConfig`. */
  readonly config: ClusterConfig;
  readonly secrets: StackSecrets;
  readonly base: Pick<Foundation, "account" | "cluster" | "nodes" | "ready">;
  readonly surroundings: Surroundings;
  /** When the database is backed up. */
  readonly backup: AwsBackupSettings;
  /** Of `planAutoscaler`. */
  readonly scaler: AutoscalerPlan | undefined;
  readonly place: AwsPlace;
}

export interface Product {
  /** Namespace of everything in the cluster. */
  readonly namespace: Output<string>;
  /** The release that serves, by service. */
  readonly serving: Output<Record<string, string>>;
  /** Images and numbers that it was asked for with. */
  readonly asked: Output<Record<string, AskedService>>;
}

/** The product's programs in the stack's own cluster: the step that makes the database's roles, then migrations, then what serves. */
export function product({ config, secrets, base, surroundings, backup, scaler: plan, place }: ProductArgs): Product {
  const hasGpu = wantsGpu(config);
  const { kubeconfig } = base.cluster;
  const platform = new KubernetesPlatform("cluster", { config, secrets, hasGpu, kubeconfig, surroundings });
  const { database, cache, objects, beside } = platform;
  // AWS is reached as S3 is.
  const { peers } = surroundings.objects;
  const scaler = plan === undefined ? [] : autoscaler({ plan, config, base, peers, place, beside });
  const keys = { jwt: secrets.jwtKeys, hmac: secrets.hmacKeys };
  const services = describeServices({ config, keys, aes: secrets.aes, database, cache, objects, hasGpu });
  const prepared = services.prepare ? [platform.runOnce(services.prepare)] : [];
  const migrated = platform.runOnce(services.migrate, prepared);
  if (services.drill) platform.runOnSchedule(services.drill, drillSchedule(backup), [migrated]);
  const { serving, asked } = platform.release(services.running, [migrated, ...scaler]);
  return { namespace: platform.namespace, serving, asked };
}
