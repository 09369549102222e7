import { randomUUID } from "node:crypto";
import { z } from "zod";
import { parseBody } from "./front-rest.ts";
import { json, now, type AwsAnswer, type AwsHandler } from "./front-wire.ts";

/** What moto forgets of an EKS cluster: its access, its upgrades, its protection. The cluster itself is moto's. */

const settingsSchema = z.object({
  accessConfig: z.record(z.string(), z.unknown()).optional(),
  upgradePolicy: z.record(z.string(), z.unknown()).optional(),
  zonalShiftConfig: z.record(z.string(), z.unknown()).optional(),
  deletionProtection: z.boolean().optional(),
});
type Settings = z.infer<typeof settingsSchema>;
interface Known {
  readonly kept: Map<string, Settings>;
  readonly kubernetes: KubernetesAccess | undefined;
}
const clusterSchema = z.object({ cluster: z.looseObject({ name: z.string() }) });

/** How a real cluster is reached. */
export interface KubernetesAccess {
  /** URL of its API. */
  readonly endpoint: string;
  /** Authority of its certificate, PEM in base64. */
  readonly ca: string;
}

/** @param options.kubernetes what every cluster of this EKS really is @default none */
export function eksClusters({ kubernetes }: { readonly kubernetes?: KubernetesAccess } = {}): AwsHandler {
  const kept = new Map<string, Settings>();
  const known: Known = { kept, kubernetes };
  return async (request, ask) => {
    const { method, path, query } = request;
    const [clusters, name, more] = path;
    if (clusters !== "clusters") return undefined;
    if (name === undefined) {
      if (method !== "POST") return undefined;
      const { name: made } = parseBody(z.object({ name: z.string() }), request);
      kept.set(made, parseBody(settingsSchema, request));
      return mended(await ask(request), known);
    }
    if (more === undefined) return mended(await ask(request), known);
    if (more === "update-config" && method === "POST") {
      const before = kept.get(name);
      const { accessConfig, ...others } = parseBody(settingsSchema, request);
      kept.set(name, { ...before, ...others, accessConfig: { ...before?.accessConfig, ...accessConfig } });
      return json({ update: update(randomUUID()) });
    }
    return more === "updates" && !query.has("addonName") && !query.has("nodegroupName")
      ? json({ update: update(path[3] ?? "") })
      : undefined;
  };
}

function mended(answer: AwsAnswer, { kept, kubernetes }: Known): AwsAnswer {
  const said = answer.status === 200 ? clusterSchema.safeParse(JSON.parse(String(answer.body))) : undefined;
  if (said?.success !== true) return answer;
  const { cluster } = said.data;
  const real = kubernetes && { endpoint: kubernetes.endpoint, certificateAuthority: { data: kubernetes.ca } };
  return json({ cluster: { ...cluster, ...kept.get(cluster.name), ...real } });
}

function update(id: string): object {
  return { id, status: "Successful", type: "ConfigUpdate", params: [], errors: [], createdAt: now() };
}
