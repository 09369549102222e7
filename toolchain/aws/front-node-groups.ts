import { z } from "zod";
import { askQuery } from "./front-query.ts";
import { parseBody } from "./front-rest.ts";
import { json, type AskMoto, type AwsAnswer, type AwsHandler, type AwsRequest } from "./front-wire.ts";

/**
 * The Auto Scaling group that EKS makes for each node group, which moto only names; it has no instances: those are for who plays the cluster.
 * Settings of updates and repair, which moto forgets, and its access by SSH, which moto invents.
 */

const inputSchema = z.object({
  subnets: z.array(z.string()),
  scalingConfig: z.object({ maxSize: z.number() }),
  launchTemplate: z.object({ id: z.string(), version: z.string() }),
});
const outputSchema = z.object({
  nodegroup: z.object({ resources: z.object({ autoScalingGroups: z.tuple([z.object({ name: z.string() })]) }) }),
});

/** What moto does not keep as it was asked for. */
const keptSchema = z.object({
  nodegroupName: z.string().optional(),
  updateConfig: z.unknown().optional(),
  nodeRepairConfig: z.unknown().optional(),
  remoteAccess: z.unknown().optional(),
});
const groupSchema = z.object({ nodegroup: z.record(z.string(), z.unknown()) });

type Kept = Omit<z.infer<typeof keptSchema>, "nodegroupName">;

export function nodeGroups(): AwsHandler {
  const groups = new Map<string, Kept>();
  return async (request, ask) => {
    const [clusters, cluster = "", kind, name, more] = request.path;
    if (clusters !== "clusters" || kind !== "node-groups") return undefined;
    if (request.method === "POST" && (name === undefined || more === "update-config")) {
      const { nodegroupName = name ?? "", ...settings } = parseBody(keptSchema, request);
      const key = `${cluster}/${nodegroupName}`;
      groups.set(key, { ...groups.get(key), ...settings });
      return name === undefined ? created(request, ask) : undefined;
    }
    if (name === undefined || more !== undefined) return undefined;
    if (request.method === "DELETE") return deleted(request, ask);
    return request.method === "GET" ? told(await ask(request), groups.get(`${cluster}/${name}`)) : undefined;
  };
}

function told(answer: AwsAnswer, kept: Kept | undefined): AwsAnswer {
  if (answer.status !== 200 || kept === undefined) return answer;
  const { nodegroup } = groupSchema.parse(JSON.parse(answer.body.toString()));
  return json({ nodegroup: { ...nodegroup, remoteAccess: undefined, ...kept } });
}

async function created(request: AwsRequest, ask: AskMoto): Promise<AwsAnswer> {
  const { subnets, scalingConfig, launchTemplate } = parseBody(inputSchema, request);
  const answer = await ask(request);
  if (answer.status !== 200) return answer;
  await askQuery(request, ask, "autoscaling", {
    ...{ Action: "CreateAutoScalingGroup", AutoScalingGroupName: groupOf(answer) },
    ...{ MinSize: "0", DesiredCapacity: "0", MaxSize: String(scalingConfig.maxSize) },
    ...{ "LaunchTemplate.LaunchTemplateId": launchTemplate.id, "LaunchTemplate.Version": launchTemplate.version },
    VPCZoneIdentifier: subnets.join(","),
  });
  return answer;
}

async function deleted(request: AwsRequest, ask: AskMoto): Promise<AwsAnswer> {
  const answer = await ask(request);
  if (answer.status !== 200) return answer;
  const group = { AutoScalingGroupName: groupOf(answer), ForceDelete: "true" };
  await askQuery(request, ask, "autoscaling", { Action: "DeleteAutoScalingGroup", ...group });
  return answer;
}

function groupOf({ body }: AwsAnswer): string {
  const { nodegroup } = outputSchema.parse(JSON.parse(body.toString()));
  return nodegroup.resources.autoScalingGroups[0].name;
}
