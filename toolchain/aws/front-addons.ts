import { randomUUID } from "node:crypto";
import { z } from "zod";
import { changeTags, parseBody, Shelf, tagsSchema, type Tags } from "./front-rest.ts";
import { ACCOUNT, json, now, WireError, type AwsAnswer, type AwsHandler, type AwsRequest } from "./front-wire.ts";

/** EKS add-ons: /clusters/CLUSTER/addons. They are active at once, and so are their updates. */

const settingsSchema = z.object({
  addonVersion: z.string().optional(),
  configurationValues: z.string().optional(),
  serviceAccountRoleArn: z.string().optional(),
});
const createSchema = settingsSchema.extend({ addonName: z.string(), tags: tagsSchema.default({}) });

interface Addon extends z.infer<typeof settingsSchema> {
  readonly addonName: string;
  readonly clusterName: string;
  readonly addonArn: string;
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly tags: Tags;
}

export function addons(): AwsHandler {
  const shelf = new Shelf<Addon>("addon");
  return (request) => {
    const tags = changeTags(request, shelf, ({ addonArn }) => addonArn);
    if (tags !== undefined) return json(tags);
    const [clusters, cluster, kind, name, action] = request.path;
    if (clusters !== "clusters" || cluster === undefined) return undefined;
    if (kind === "updates" && request.query.has("addonName")) return json({ update: update(name) });
    if (kind !== "addons") return undefined;
    if (name === undefined) return all(request, cluster, shelf);
    return one(request, { key: `${cluster}/${name}`, action }, shelf);
  };
}

function all(request: AwsRequest, cluster: string, shelf: Shelf<Addon>): AwsAnswer {
  if (request.method === "GET") {
    return json({ addons: shelf.list(({ clusterName }) => clusterName === cluster).map(({ addonName }) => addonName) });
  }
  const input = parseBody(createSchema, request);
  const addon: Addon = {
    ...{ addonVersion: "v1.0.0-eksbuild.1", ...input },
    ...{ clusterName: cluster, createdAt: now(), modifiedAt: now() },
    addonArn: `arn:aws:eks:${request.region}:${ACCOUNT}:addon/${cluster}/${input.addonName}/${randomUUID()}`,
  };
  shelf.add(`${cluster}/${addon.addonName}`, addon);
  return json({ addon: told(addon) });
}

function one(
  request: AwsRequest,
  { key, action }: { readonly key: string; readonly action: string | undefined },
  shelf: Shelf<Addon>,
): AwsAnswer {
  switch (`${request.method} ${action ?? ""}`.trim()) {
    case "GET":
      return json({ addon: told(shelf.get(key)) });
    case "DELETE":
      return json({ addon: told(shelf.take(key)) });
    case "POST update":
      shelf.set(key, { ...shelf.get(key), ...parseBody(settingsSchema, request), modifiedAt: now() });
      return json({ update: update(randomUUID()) });
    default:
      throw new WireError("InvalidRequestException", `${request.method} ${action ?? ""} of an addon is not simulated.`);
  }
}

function told(addon: Addon): object {
  return { ...addon, status: "ACTIVE", health: { issues: [] }, owner: "aws", publisher: "eks" };
}

function update(id = ""): object {
  return { id, status: "Successful", type: "AddonUpdate", params: [], errors: [], createdAt: now() };
}
