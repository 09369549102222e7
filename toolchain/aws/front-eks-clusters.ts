import { randomUUID } from "node:crypto";
import { z } from "zod";
import { parseBody } from "./front-rest.ts";
import { askQuery, textOf } from "./front-query.ts";
import { json, now, type AskMoto, type AwsAnswer, type AwsHandler, type AwsRequest } from "./front-wire.ts";

/** What moto forgets of an EKS cluster: its access, its upgrades, its protection, its security group. The cluster itself is moto's. */

const settingsSchema = z.object({
  accessConfig: z.record(z.string(), z.unknown()).optional(),
  upgradePolicy: z.record(z.string(), z.unknown()).optional(),
  zonalShiftConfig: z.record(z.string(), z.unknown()).optional(),
  deletionProtection: z.boolean().optional(),
});
type Settings = z.infer<typeof settingsSchema>;
interface Known {
  readonly kept: Map<string, Settings>;
  /** The security group that EKS makes for a cluster and its nodes, by the cluster's name. */
  readonly groups: Map<string, { readonly vpcId: string; readonly clusterSecurityGroupId: string }>;
  readonly kubernetes: KubernetesAccess | undefined;
}
const clusterSchema = z.object({
  cluster: z.looseObject({ name: z.string(), resourcesVpcConfig: z.record(z.string(), z.unknown()).optional() }),
});
const createSchema = z.object({
  name: z.string(),
  resourcesVpcConfig: z.object({ subnetIds: z.tuple([z.string()]).rest(z.string()) }),
});

/** How a real cluster is reached. */
export interface KubernetesAccess {
  /** URL of its API. */
  readonly endpoint: string;
  /** Authority of its certificate, PEM in base64. */
  readonly ca: string;
}

/** @param options.kubernetes what every cluster of this EKS really is @default none */
export function eksClusters({ kubernetes }: { readonly kubernetes?: KubernetesAccess } = {}): AwsHandler {
  const known: Known = { kept: new Map(), groups: new Map(), kubernetes };
  return async (request, ask) => {
    const { method, path, query } = request;
    const [clusters, name, more] = path;
    if (clusters !== "clusters") return undefined;
    if (name === undefined) return method === "POST" ? created(request, ask, known) : undefined;
    if (more === undefined)
      return method === "DELETE" ? deleted(request, ask, known) : mended(await ask(request), known);
    if (more === "update-config" && method === "POST") return changed(request, name, known);
    return more === "updates" && !query.has("addonName") && !query.has("nodegroupName")
      ? json({ update: update(path[3] ?? "") })
      : undefined;
  };
}

async function created(request: AwsRequest, ask: AskMoto, known: Known): Promise<AwsAnswer> {
  const { name, resourcesVpcConfig } = parseBody(createSchema, request);
  const answer = await ask(request);
  if (answer.status !== 200) return answer;
  known.kept.set(name, parseBody(settingsSchema, request));
  const subnet = { "SubnetId.1": resourcesVpcConfig.subnetIds[0] };
  const vpcId = textOf(await askQuery(request, ask, "ec2", { Action: "DescribeSubnets", ...subnet }), "vpcId");
  const group = { GroupName: `eks-cluster-sg-${name}`, GroupDescription: "of the cluster", VpcId: vpcId };
  const groupId = textOf(await askQuery(request, ask, "ec2", { Action: "CreateSecurityGroup", ...group }), "groupId");
  known.groups.set(name, { vpcId, clusterSecurityGroupId: groupId });
  return mended(answer, known);
}

async function deleted(request: AwsRequest, ask: AskMoto, known: Known): Promise<AwsAnswer> {
  const answer = mended(await ask(request), known);
  const name = request.path[1] ?? "";
  const GroupId = known.groups.get(name)?.clusterSecurityGroupId;
  if (answer.status !== 200 || GroupId === undefined) return answer;
  await askQuery(request, ask, "ec2", { Action: "DeleteSecurityGroup", GroupId });
  known.groups.delete(name);
  return answer;
}

function changed(request: AwsRequest, name: string, { kept }: Known): AwsAnswer {
  const before = kept.get(name);
  const { accessConfig, ...others } = parseBody(settingsSchema, request);
  kept.set(name, { ...before, ...others, accessConfig: { ...before?.accessConfig, ...accessConfig } });
  return json({ update: update(randomUUID()) });
}

function mended(answer: AwsAnswer, { kept, groups, kubernetes }: Known): AwsAnswer {
  const said = answer.status === 200 ? clusterSchema.safeParse(JSON.parse(String(answer.body))) : undefined;
  if (said?.success !== true) return answer;
  const { cluster } = said.data;
  const real = kubernetes && { endpoint: kubernetes.endpoint, certificateAuthority: { data: kubernetes.ca } };
  const resourcesVpcConfig = { ...cluster.resourcesVpcConfig, ...groups.get(cluster.name) };
  return json({ cluster: { ...cluster, ...kept.get(cluster.name), ...real, resourcesVpcConfig } });
}

function update(id: string): object {
  return { id, status: "Successful", type: "ConfigUpdate", params: [], errors: [], createdAt: now() };
}
