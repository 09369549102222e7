import { Config, getStack, type Output } from "@pulumi/pulumi";
import type { StackConfig } from "../configs/stack.ts";
import { KubernetesPlatform } from "../infra/kubernetes/platform.ts";
import { clusterConnectionUsers } from "../infra/kubernetes/scale.ts";
import { clusterConfig } from "../infra/kubernetes/settings.ts";
import { assertConnectionBudget } from "../infra/plan/connection-budget.ts";
import { stackSecrets } from "../infra/secrets.ts";
import { describeServices } from "../infra/services.ts";

/** What `pulumi stack output` says of a stack in a cluster. */
export interface ClusterOutputs {
  /** Where the API answers; without an ingress, within the cluster alone. */
  readonly url: Output<string>;
  /** Namespace of all of it. */
  readonly namespace: Output<string>;
  /** The release that serves, by service. */
  readonly serving: Output<Record<string, string>>;
  /** What tokens are signed with; secret, `make token` reads it. */
  readonly jwtKeys: Output<string>;
}

/** Everything in one namespace of a cluster that exists. Nobody is asked what the cluster has: a GPU is there where `gpu.mode` is on. */
export function cluster(file: StackConfig): ClusterOutputs {
  const config = clusterConfig(file);
  const hasGpu = config.gpu.mode === "on";
  const { maxConnections } = config.kubernetes.postgres;
  assertConnectionBudget(getStack(), clusterConnectionUsers(config, hasGpu), maxConnections);
  const secrets = stackSecrets();
  const kubeconfig = new Config().getSecret("kubeconfig");
  const platform = new KubernetesPlatform("cluster", {
    config,
    secrets,
    hasGpu,
    ...(kubeconfig ? { kubeconfig } : {}),
  });
  const { database, cache, objects } = platform;
  const keys = { jwt: secrets.jwtKeys, hmac: secrets.hmacKeys };
  const services = describeServices({ config, keys, database, cache, objects, hasGpu });
  const migrated = platform.runOnce(services.migrate);
  const { url, serving } = platform.release(services.running, [migrated]);
  return { url, namespace: platform.namespace, serving, jwtKeys: secrets.jwtKeys };
}
