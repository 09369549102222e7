import type { Output } from "@pulumi/pulumi";
import { wantsGpu } from "../../configs/stack-faults.ts";
import { KubernetesPlatform } from "../kubernetes/platform.ts";
import type { ClusterConfig } from "../kubernetes/settings.ts";
import type { Surroundings } from "../kubernetes/surroundings.ts";
import type { StackSecrets } from "../secrets.ts";
import { describeServices } from "../services.ts";
import type { Foundation } from "./foundation.ts";

export interface ProductArgs {
  /** Of `awsClusterConfig`. */
  readonly config: ClusterConfig;
  readonly secrets: StackSecrets;
  readonly base: Pick<Foundation, "cluster">;
  readonly surroundings: Surroundings;
}

export interface Product {
  /** Namespace of everything in the cluster. */
  readonly namespace: Output<string>;
  /** The release that serves, by service. */
  readonly serving: Output<Record<string, string>>;
}

/** The product's programs in the stack's own cluster: the step that makes the database's roles, then migrations, then what serves. */
export function product({ config, secrets, base, surroundings }: ProductArgs): Product {
  const hasGpu = wantsGpu(config);
  const { kubeconfig } = base.cluster;
  const platform = new KubernetesPlatform("cluster", { config, secrets, hasGpu, kubeconfig, surroundings });
  const { database, cache, objects } = platform;
  const keys = { jwt: secrets.jwtKeys, hmac: secrets.hmacKeys };
  const services = describeServices({ config, keys, database, cache, objects, hasGpu });
  const prepared = services.prepare ? [platform.runOnce(services.prepare)] : [];
  const { serving } = platform.release(services.running, [platform.runOnce(services.migrate, prepared)]);
  return { namespace: platform.namespace, serving };
}
