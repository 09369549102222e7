import { randomUUID } from "node:crypto";
import { z } from "zod";
import { changeTags, parseBody, Shelf, tagsSchema, type Tags } from "./front-rest.ts";
import { ACCOUNT, json, now, WireError, type AwsAnswer, type AwsHandler, type AwsRequest } from "./front-wire.ts";

/** EKS access entries and the policies associated with them: /clusters/CLUSTER/access-entries/PRINCIPAL/access-policies. */

const settingsSchema = z.object({ kubernetesGroups: z.array(z.string()).optional(), username: z.string().optional() });
const createSchema = settingsSchema.extend({
  principalArn: z.string(),
  type: z.string().default("STANDARD"),
  tags: tagsSchema.default({}),
});
const policySchema = z.object({
  policyArn: z.string(),
  accessScope: z.object({ type: z.string(), namespaces: z.array(z.string()).default([]) }),
});

interface Policy extends z.infer<typeof policySchema> {
  readonly associatedAt: number;
  readonly modifiedAt: number;
}

interface Entry {
  readonly clusterName: string;
  readonly principalArn: string;
  readonly accessEntryArn: string;
  readonly kubernetesGroups: readonly string[];
  readonly username: string;
  readonly type: string;
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly tags: Tags;
  readonly policies: readonly Policy[];
}

export function accessEntries(): AwsHandler {
  const shelf = new Shelf<Entry>("access entry");
  return (request) => {
    const tags = changeTags(request, shelf, ({ accessEntryArn }) => accessEntryArn);
    if (tags !== undefined) return json(tags);
    const [clusters, cluster, kind, principal, policies, policy] = request.path;
    if (clusters !== "clusters" || cluster === undefined || kind !== "access-entries") return undefined;
    if (principal === undefined) return all(request, cluster, shelf);
    const key = `${cluster}/${principal}`;
    if (policies === undefined) return one(request, key, shelf);
    return associated(request, { key, policy }, shelf);
  };
}

function all(request: AwsRequest, cluster: string, shelf: Shelf<Entry>): AwsAnswer {
  if (request.method === "GET") {
    const own = shelf.list(({ clusterName }) => clusterName === cluster);
    return json({ accessEntries: own.map(({ principalArn }) => principalArn) });
  }
  const input = parseBody(createSchema, request);
  const name = input.principalArn.split("/").at(-1) ?? "";
  const entry: Entry = {
    ...{ ...input, username: input.username ?? input.principalArn, kubernetesGroups: input.kubernetesGroups ?? [] },
    ...{ clusterName: cluster, createdAt: now(), modifiedAt: now(), policies: [] },
    accessEntryArn: `arn:aws:eks:${request.region}:${ACCOUNT}:access-entry/${cluster}/role/${ACCOUNT}/${name}/${randomUUID()}`,
  };
  shelf.add(`${cluster}/${entry.principalArn}`, entry);
  return json({ accessEntry: told(entry) });
}

function one(request: AwsRequest, key: string, shelf: Shelf<Entry>): AwsAnswer {
  switch (request.method) {
    case "GET":
      return json({ accessEntry: told(shelf.get(key)) });
    case "DELETE":
      shelf.take(key);
      return json({});
    case "POST": {
      const { kubernetesGroups, username } = parseBody(settingsSchema, request);
      const before = shelf.get(key);
      shelf.set(key, {
        ...{ ...before, modifiedAt: now(), username: username ?? before.username },
        kubernetesGroups: kubernetesGroups ?? before.kubernetesGroups,
      });
      return json({ accessEntry: told(shelf.get(key)) });
    }
    default:
      throw new WireError("InvalidRequestException", `${request.method} of an access entry is not simulated.`);
  }
}

function associated(
  request: AwsRequest,
  { key, policy }: { readonly key: string; readonly policy: string | undefined },
  shelf: Shelf<Entry>,
): AwsAnswer {
  const entry = shelf.get(key);
  const { clusterName, principalArn, policies } = entry;
  const others = (arn: string) => policies.filter(({ policyArn }) => policyArn !== arn);
  if (request.method === "GET") return json({ clusterName, principalArn, associatedAccessPolicies: policies });
  if (request.method === "POST") {
    const made: Policy = { ...parseBody(policySchema, request), associatedAt: now(), modifiedAt: now() };
    shelf.set(key, { ...entry, policies: [...others(made.policyArn), made] });
    return json({ clusterName, principalArn, associatedAccessPolicy: made });
  }
  if (policy === undefined || others(policy).length === policies.length)
    throw new WireError("ResourceNotFoundException", `No access policy ${policy ?? ""} of ${key} found.`, 404);
  shelf.set(key, { ...entry, policies: others(policy) });
  return json({});
}

function told(entry: Entry): object {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => name !== "policies"));
}
