import { rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { randomBytes } from "node:crypto";
import { ensureImage } from "../../toolchain/cluster/images.ts";
import { bringProductImages } from "../../toolchain/cluster/product-images.ts";
import { NETWORK, NODE } from "../../toolchain/cluster/layout.ts";
import { connect, DEFAULT_HOST } from "../../toolchain/engine.ts";
import { buildGoProgram, findGo, goMissing } from "../../toolchain/go.ts";
import { loadKubeConfig } from "../../toolchain/kube-config.ts";
import { NODE_PORT } from "../../infra/aws/public-edge.ts";
import type { ServiceImage } from "../../infra/contract.ts";
import { POOL_LABEL } from "../../infra/plan/node-pools.ts";
import type { TestProgram } from "../cluster/program.ts";
import { useCluster, type RealCluster } from "../cluster/real-cluster.ts";
import { startDataServers, type DataServers } from "./data-servers.ts";
import { eksNode } from "./eks-node.ts";
import { askAws, startPodIdentityAgent, type PodIdentityAgent } from "./pod-identity-agent.ts";
import { overlaid, shippedProd, usersOwn } from "../pulumi/prod-file.ts";
import { startPodIdentityWebhook } from "./pod-identity-webhook.ts";
import { makeAwsStack, useSimulatedAws, type SimulatedAws } from "./simulated-aws.ts";
import { makeAuthority } from "./test-authority.ts";

/**
 * All that the prod stack stands on: AWS as moto plays it, a real Kubernetes node in the place of EKS, a real Postgres and a real Redis in the place of
 * RDS and ElastiCache, and a stack that is told of them as a user's is.
 */
export interface World {
  readonly aws: SimulatedAws;
  readonly cluster: RealCluster;
  readonly agent: PodIdentityAgent;
  readonly stack: TestProgram;
  /** What stands in the place of RDS and ElastiCache. */
  readonly data: DataServers;
  /** Where the API answers: the node's port that the load balancer would pass requests on to. */
  readonly apiUrl: string;
  end(): Promise<void>;
}

export const REGION = "eu-central-1";
/** Where the shipped file puts copies. */
export const COPY_REGION = "eu-west-1";
export const NAMESPACE = "slipway-test";
/** The team's own, which requests are noted in. */
export const LOG_BUCKET = "team-logs";

/** Brings it up; where a part of it does not come, the others are ended again. */
export async function makeWorld(): Promise<World> {
  const parts = new AsyncDisposableStack();
  try {
    return { ...(await makeParts(parts)), end: () => parts.disposeAsync() };
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

async function makeParts(parts: AsyncDisposableStack): Promise<Omit<World, "end">> {
  const ending = <T extends { readonly end: () => Promise<void> }>(part: T) => parts.adopt(part, (it) => it.end());
  const files = <T extends { readonly remove: () => void }>(made: T) =>
    parts.adopt(made, (it) => {
      it.remove();
    });
  const authority = files(makeAuthority());
  const cluster = parts.adopt(await useCluster(), (it) => it.leave());
  const { kubeconfig } = cluster.layout;
  const { api, worker } = await bringProductImages(cluster.layout, connect(DEFAULT_HOST), () => undefined);
  const autoscaler = await bringAutoscaler(cluster);
  ending(await nodeOfSystemPool(cluster));
  const node = files(eksNode(kubeconfig));
  const aws = ending(await useSimulatedAws({ kubernetes: node.access, host: NETWORK.machine }));
  files(leadHere(cluster));
  const redisPassword = randomBytes(24).toString("hex");
  const data = ending(await startDataServers({ authority, region: REGION, redisPassword }));
  const kubernetes = loadKubeConfig({ path: kubeconfig });
  const agent = ending(await startPodIdentityAgent({ front: aws.front, region: REGION, kubernetes }));
  const pods = { namespace: NAMESPACE, region: REGION, endpoint: aws.front.url };
  ending(await startPodIdentityWebhook({ authority, cluster, ...pods }));
  await makeLogBucket(aws);
  const config = stackConfig({
    zoneId: await makeZone(aws),
    caBundle: authority.path,
    images: { api, worker, autoscaler },
  });
  const stack = files(await makeAwsStack(aws, { config, env: { PATH: node.path } }));
  await stack.good("config", "set", "--secret", "slipway:redisPassword", redisPassword);
  return { aws, cluster, agent, stack, data, apiUrl: `http://${NETWORK.machine}:${NODE_PORT}` };
}

/**
 * Builds what stands in for the cluster autoscaler, which no module proxy serves, and brings it to the node as an image.
 *
 * @returns the image's name, which says the content
 */
async function bringAutoscaler({ folders, layout }: RealCluster): Promise<string> {
  const name = "cluster-autoscaler";
  const go = await findGo();
  if (go === undefined) throw goMissing(name);
  const bin = await buildGoProgram(name, folders, go, () => undefined);
  const image = `slipway.test/${basename(dirname(bin))}:1`;
  await ensureImage(layout, image, join(bin, name));
  return image;
}

/** The node has to be of the pool that EKS would have made for what serves the cluster. */
async function nodeOfSystemPool({ kubectl }: RealCluster): Promise<{ end(): Promise<void> }> {
  await kubectl("label", "node", NODE, `${POOL_LABEL}=system`, "--overwrite");
  return {
    end: async () => {
      await kubectl("label", "node", NODE, `${POOL_LABEL}-`);
    },
  };
}

/** Names that RDS and ElastiCache give lead to the machine's own servers. */
function leadHere({ layout }: RealCluster): { remove(): void } {
  const path = join(layout.zones, "simulated-aws");
  const zone = (domain: string) => `${domain}:53 {
  bind ${NETWORK.machine}
  errors
  template IN A ${domain} {
    answer "{{ .Name }} 5 IN A ${NETWORK.machine}"
  }
  template IN AAAA ${domain} {
    rcode NOERROR
  }
}
`;
  writeFileSync(path, ["rds.amazonaws.com", "cache.amazonaws.com"].map(zone).join(""));
  return {
    remove: () => {
      rmSync(path);
    },
  };
}

/** A bucket of the user's own that S3 may note requests in. */
async function makeLogBucket({ front }: Pick<SimulatedAws, "front">): Promise<void> {
  const location = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${REGION}</LocationConstraint></CreateBucketConfiguration>`;
  const allowed = {
    ...{ Effect: "Allow", Principal: { Service: "logging.s3.amazonaws.com" }, Action: ["s3:PutObject"] },
    Resource: `arn:aws:s3:::${LOG_BUCKET}/*`,
  };
  const policy = JSON.stringify({ Version: "2012-10-17", Statement: [allowed] });
  for (const [path, body] of [
    [`/${LOG_BUCKET}`, location],
    [`/${LOG_BUCKET}?policy`, policy],
  ] as const) {
    const answer = await askAws(front, REGION, "s3", path, body, "PUT");
    if (!answer.ok) throw new Error(`moto answered ${answer.status} to PUT ${path}: ${await answer.text()}`);
  }
}

/** The zone of the user's own name, which the stack is given. moto draws any letter for an id's first; AWS's begin with Z. */
async function makeZone({ front }: Pick<SimulatedAws, "front">, attempt = 1): Promise<string> {
  const request = `<CreateHostedZoneRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Name>example.org</Name><CallerReference>${attempt}</CallerReference></CreateHostedZoneRequest>`;
  const answer = await (await askAws(front, REGION, "route53", "/2013-04-01/hostedzone", request)).text();
  const id = /<Id>\/hostedzone\/(\w+)<\/Id>/.exec(answer)?.[1];
  if (id === undefined) throw new Error(`moto made no zone: ${answer}`);
  return id.startsWith("Z") ? id : makeZone({ front }, attempt + 1);
}

interface OwnValues {
  readonly zoneId: string;
  readonly caBundle: string;
  readonly images: Readonly<Record<ServiceImage | "autoscaler", string>>;
}

/**
 * Pulumi.prod.yaml with what is a user's own, and with all else that a file may say of AWS: images are on the node already, so a pool of GPUs is made
 * and no worker that would need one of them.
 */
function stackConfig({ zoneId, caBundle, images }: OwnValues): Readonly<Record<string, unknown>> {
  const accessLogs = { bucket: LOG_BUCKET };
  const own = {
    aws: {
      pools: { gpu: [{ shape: "t4", capacity: "spot", max: 2 }] },
      data: {
        database: { masterRotationDays: 30 },
        objects: { replicaRegion: COPY_REGION, accessLogs },
        edge: { zoneId, accessLogs },
      },
    },
    gpu: { mode: "off" },
    kubernetes: { autoscaler: "hpa", images, importedImages: true, cpuRequestPercent: 10 },
  };
  const file = [usersOwn({ caBundle }), own].reduce(overlaid, shippedProd());
  return Object.fromEntries(Object.entries(file).map(([key, value]) => [`slipway:${key}`, value]));
}
