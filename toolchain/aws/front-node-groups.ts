import { z } from "zod";
import { askQuery } from "./front-query.ts";
import { parseBody } from "./front-rest.ts";
import type { AskMoto, AwsAnswer, AwsHandler, AwsRequest } from "./front-wire.ts";

/** The Auto Scaling group that EKS makes for each node group, which moto only names. It has no instances: those are for who plays the cluster. */

const inputSchema = z.object({
  subnets: z.array(z.string()),
  scalingConfig: z.object({ maxSize: z.number() }),
  launchTemplate: z.object({ id: z.string(), version: z.string() }),
});
const outputSchema = z.object({
  nodegroup: z.object({ resources: z.object({ autoScalingGroups: z.tuple([z.object({ name: z.string() })]) }) }),
});

export function nodeGroups(): AwsHandler {
  return async (request, ask) => {
    const [clusters, , kind, name, more] = request.path;
    if (clusters !== "clusters" || kind !== "node-groups" || more !== undefined) return undefined;
    if (request.method === "POST" && name === undefined) return created(request, ask);
    return request.method === "DELETE" ? deleted(request, ask) : undefined;
  };
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
