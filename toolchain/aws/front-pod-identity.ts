import { randomUUID } from "node:crypto";
import { z } from "zod";
import { changeTags, parseBody, Shelf, tagsSchema, type Tags } from "./front-rest.ts";
import { ACCOUNT, json, now, WireError, type AwsAnswer, type AwsHandler, type AwsRequest } from "./front-wire.ts";

/** EKS Pod Identity: /clusters/CLUSTER/pod-identity-associations. A service account has one role at most. */

const settingsSchema = z.object({
  roleArn: z.string().optional(),
  targetRoleArn: z.string().optional(),
  disableSessionTags: z.boolean().optional(),
});
const createSchema = settingsSchema.extend({
  namespace: z.string(),
  serviceAccount: z.string(),
  roleArn: z.string(),
  tags: tagsSchema.default({}),
});

interface Association extends z.infer<typeof settingsSchema> {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly clusterName: string;
  readonly associationId: string;
  readonly associationArn: string;
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly tags: Tags;
}

export function podIdentities(): AwsHandler {
  const shelf = new Shelf<Association>("Pod Identity association");
  return (request) => {
    const tags = changeTags(request, shelf, ({ associationArn }) => associationArn);
    if (tags !== undefined) return json(tags);
    const [clusters, cluster, kind, id] = request.path;
    if (clusters !== "clusters" || cluster === undefined || kind !== "pod-identity-associations") return undefined;
    return id === undefined ? all(request, cluster, shelf) : one(request, `${cluster}/${id}`, shelf);
  };
}

function all(request: AwsRequest, cluster: string, shelf: Shelf<Association>): AwsAnswer {
  if (request.method === "GET") {
    const wanted = (of: Association, property: "namespace" | "serviceAccount") =>
      [null, of[property]].includes(request.query.get(property));
    const own = shelf.list(
      (of) => of.clusterName === cluster && wanted(of, "namespace") && wanted(of, "serviceAccount"),
    );
    return json({ associations: own });
  }
  const input = parseBody(createSchema, request);
  const isSame = (of: Association) =>
    of.clusterName === cluster && of.namespace === input.namespace && of.serviceAccount === input.serviceAccount;
  if (shelf.find(isSame) !== undefined)
    throw new WireError(
      "ResourceInUseException",
      `${input.namespace}/${input.serviceAccount} has a role already.`,
      409,
    );
  const associationId = `a-${randomUUID().replaceAll("-", "").slice(0, 17)}`;
  const made: Association = {
    ...input,
    ...{ clusterName: cluster, associationId, createdAt: now(), modifiedAt: now() },
    associationArn: `arn:aws:eks:${request.region}:${ACCOUNT}:podidentityassociation/${cluster}/${associationId}`,
  };
  shelf.add(`${cluster}/${associationId}`, made);
  return json({ association: made });
}

function one(request: AwsRequest, key: string, shelf: Shelf<Association>): AwsAnswer {
  switch (request.method) {
    case "GET":
      return json({ association: shelf.get(key) });
    case "DELETE":
      return json({ association: shelf.take(key) });
    case "POST":
      shelf.set(key, { ...shelf.get(key), ...parseBody(settingsSchema, request), modifiedAt: now() });
      return json({ association: shelf.get(key) });
    default:
      throw new WireError(
        "InvalidRequestException",
        `${request.method} of a Pod Identity association is not simulated.`,
      );
  }
}
