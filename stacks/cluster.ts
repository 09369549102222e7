import { Config, getStack, log, type Output } from "@pulumi/pulumi";
import { dataSettings } from "../configs/stack-backup.ts";
import type { StackConfig } from "../configs/stack.ts";
import { credentialSlots, type Credentials } from "../configs/credential-slots.ts";
import type { AskedService } from "../infra/contract.ts";
import { decideKeda, findKeda, type Found } from "../infra/kubernetes/find-keda.ts";
import type { Where } from "../infra/kubernetes/cluster-client.ts";
import { KubernetesPlatform } from "../infra/kubernetes/platform.ts";
import { clusterConnectionUsers } from "../infra/kubernetes/scale.ts";
import { clusterConfig, kubernetesOf } from "../infra/kubernetes/settings.ts";
import { assertConnectionBudget } from "../infra/plan/connection-budget.ts";
import { readRawConfig } from "../infra/raw-config.ts";
import { backupSecrets, stackSecrets } from "../infra/secrets.ts";
import { describeServices } from "../infra/services.ts";

/** What `pulumi stack output` says of a stack in a cluster. */
export interface ClusterOutputs {
  /** Where the API answers; without an ingress, within the cluster alone. */
  readonly url: Output<string>;
  /** Namespace of all of it. */
  readonly namespace: Output<string>;
  /** The release that serves, by service. */
  readonly serving: Output<Record<string, string>>;
  /** Images and numbers that it was asked for with; a deploy compares what runs with them. */
  readonly asked: Output<Record<string, AskedService>>;
  /** What tokens are signed with; secret, `make token` reads it. */
  readonly jwtKeys: Output<string>;
  /** How the slots of credentials stand; `slipway rotate` reads it. */
  readonly credentials: Credentials;
  /** The generation of data that serves. */
  readonly dataGeneration: string;
}

/**
 * Everything in one namespace of a cluster that exists. Of what the cluster has, KEDA alone is asked for; a GPU is there where `gpu.mode` is on.
 *
 * @param find asks the cluster for KEDA
 */
export async function cluster(
  file: StackConfig,
  find: (where: Where) => Promise<Found> = findKeda,
): Promise<ClusterOutputs> {
  const { kubeconfig: path, context, ...settings } = kubernetesOf(file);
  const content = readRawConfig().values["kubeconfig"];
  const where = { kubeconfig: path, context, content };
  const { hasKeda, note } = await decideKeda(getStack(), settings, () => find(where));
  if (note !== undefined) await log.info(note);
  const config = clusterConfig(file, hasKeda);
  const hasGpu = config.gpu.mode === "on";
  const { maxConnections } = config.kubernetes.postgres;
  assertConnectionBudget(getStack(), clusterConnectionUsers(config, hasGpu), maxConnections);
  const secrets = stackSecrets(config.credentials);
  const kubeconfig = new Config().getSecret("kubeconfig");
  const platform = new KubernetesPlatform("cluster", {
    config,
    secrets,
    ...(config.kubernetes.postgres.external === undefined ? { backupSecrets: backupSecrets() } : {}),
    where,
    hasGpu,
    ...(kubeconfig ? { kubeconfig } : {}),
  });
  const { database, cache, objects } = platform;
  const keys = { jwt: secrets.jwtKeys, hmac: secrets.hmacKeys };
  const services = describeServices({ config, keys, aes: secrets.aes, database, cache, objects, hasGpu });
  const migrated = platform.runOnce(services.migrate);
  const { url, serving, asked } = platform.release(services.running, [migrated]);
  const { generation: dataGeneration } = dataSettings(file.data);
  return {
    url,
    namespace: platform.namespace,
    serving,
    asked,
    jwtKeys: secrets.jwtSigning,
    credentials: credentialSlots(config.credentials),
    dataGeneration,
  };
}
