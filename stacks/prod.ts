import { getStack, type Output } from "@pulumi/pulumi";
import type { StackConfig } from "../configs/stack.ts";
import { credentialSlots, type Credentials } from "../configs/credential-slots.ts";
import { planAutoscaler } from "../infra/aws/autoscaler-plan.ts";
import { awsClusterConfig } from "../infra/aws/cluster-config.ts";
import { dataServices } from "../infra/aws/data-services.ts";
import { foundation } from "../infra/aws/foundation.ts";
import { awsDrain, awsNetwork, awsOf, awsSize } from "../infra/aws/plans.ts";
import { offeredPools } from "../infra/aws/offerings.ts";
import { product, type Product } from "../infra/aws/product.ts";
import { regionProviders, stackPlace } from "../infra/aws/providers.ts";
import { publicEdge } from "../infra/aws/public-edge.ts";
import { surroundings } from "../infra/aws/surroundings.ts";
import { stackSecrets } from "../infra/secrets.ts";

/** What `pulumi stack output` says of a stack on AWS. */
export interface ProdOutputs extends Product {
  /** Where the API answers. */
  readonly url: Output<string>;
  /** Name of the EKS cluster: `aws eks update-kubeconfig --name ...`. */
  readonly cluster: Output<string>;
  /** The way to that cluster, by whoever's credentials use it; it holds no secret. */
  readonly kubeconfig: Output<string>;
  /** The database that serves; `slipway restore` reads it. */
  readonly dataGeneration: string;
  /** What tokens are signed with; secret, `make token` reads it. */
  readonly jwtKeys: Output<string>;
  /** How the slots of credentials stand; `slipway rotate` reads it. */
  readonly credentials: Credentials;
}

/** Everything on AWS: network, cluster and nodes, data services, the product in the cluster, and the way in. */
export async function prod(file: StackConfig): Promise<ProdOutputs> {
  const stack = getStack();
  const settings = awsOf(file);
  const size = awsSize(stack, settings);
  const networkPlan = awsNetwork(stack, settings, size);
  const config = awsClusterConfig(stack, file, size);
  const place = stackPlace(stack, file, settings);
  const pools = await offeredPools(settings, size, place);
  const { images } = config.kubernetes;
  const scaler = planAutoscaler(stack, pools, { images, version: settings.cluster.version });
  const drain = awsDrain(stack, config, pools);
  const secrets = stackSecrets(file.credentials);
  const base = foundation({ settings, networkPlan, pools, place });
  const providerOf = regionProviders(settings, place);
  const data = dataServices({ settings, size, networkPlan, foundation: base, secrets, providerOf, place });
  const around = surroundings({ config, settings, pools, base, data, place });
  const { backup } = settings.data;
  const running = product({ config, secrets, base, surroundings: around, backup, scaler, place });
  const url = publicEdge({ settings, base, drain, place });
  return {
    url,
    ...running,
    cluster: base.cluster.name,
    kubeconfig: base.cluster.kubeconfig,
    dataGeneration: settings.data.database.serving,
    jwtKeys: secrets.jwtSigning,
    credentials: credentialSlots(file.credentials),
  };
}
