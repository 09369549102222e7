import { Agent, request } from "node:https";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** Kubernetes takes pods with a lower cost away first; one without counts as 0. */
export const COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost";

/** A node with a pod that says `false` here is none that the cluster autoscaler takes away; it knows nothing of costs. */
export const EVICTION_ANNOTATION = "cluster-autoscaler.kubernetes.io/safe-to-evict";

/** Label by which pods say which service they are of. */
const SERVICE_LABEL = "app.kubernetes.io/name";

/** Who changed a field, as `kubectl get --show-managed-fields` says it. */
const FIELD_MANAGER = "slipway-marker";

/** Milliseconds until the API has answered in full. */
const ANSWER_MS = 5000;

/** Bytes of an answer; 1000 pods' metadata are some 2 MB. */
const MOST_BYTES = 32 * 1024 * 1024;

/** Metadata alone is asked for: the rest of a pod is many times as much, and nobody's business here. */
const METADATA_ALONE = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/** A pod, as far as it matters here. */
export interface MarkedPod {
  readonly name: string;
  /** Its deletion cost; `undefined` where it has none. */
  readonly cost: string | undefined;
  /** Whether the cluster autoscaler may evict it, in its own words; `undefined` where nobody says. */
  readonly eviction: string | undefined;
}

/** Annotations of a pod; `null` takes one away. */
export type Annotations = Readonly<Record<string, string | null>>;

/** The part of the cluster's API that marks pods. */
export interface ClusterApi {
  /** Pods of these services that are not on their way out. */
  podsOf(services: readonly string[]): Promise<readonly MarkedPod[]>;
  /**
   * Gives a pod annotations, or takes them away, all in one change.
   *
   * @returns false where the pod is gone
   */
  annotate(pod: string, annotations: Annotations): Promise<boolean>;
  close(): void;
}

export interface ClusterAccess {
  readonly host: string;
  readonly port: number;
  /** Folder of `token`, `ca.crt` and `namespace`. */
  readonly folder: string;
}

/** The API answered, but not as hoped. */
export class ClusterApiError extends Error {
  override readonly name = "ClusterApiError";
  readonly status: number;

  constructor(what: string, status: number, message: string) {
    super(`the cluster's API answered ${status} to ${what}: ${message}`);
    this.status = status;
  }
}

const listSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({
        name: z.string(),
        annotations: z.record(z.string(), z.string()).optional(),
        deletionTimestamp: z.string().optional(),
      }),
    }),
  ),
});

/** Opens the way to the API of the cluster that this program runs in. Nothing has to answer yet. */
export function openClusterApi(access: ClusterAccess): ClusterApi {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const ask = async (question: Question) => {
    // The kubelet brings another token before this one ends, and another authority where that changes.
    const [token, ca, namespace] = await Promise.all(
      ["token", "ca.crt", "namespace"].map(async (name) => (await readFile(join(access.folder, name), "utf8")).trim()),
    );
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace ?? "")}/pods${question.path}`;
    return send({ ...question, path }, { ...access, agent, token: token ?? "", ca: ca ?? "" });
  };
  return {
    podsOf: async (services) => {
      const selector = encodeURIComponent(`${SERVICE_LABEL} in (${services.join(",")})`);
      const text = await ask({ method: "GET", path: `?labelSelector=${selector}`, accept: METADATA_ALONE });
      return readPods(text);
    },
    annotate: async (pod, annotations) => {
      const patch = { metadata: { annotations } };
      const path = `/${encodeURIComponent(pod)}?fieldManager=${FIELD_MANAGER}`;
      try {
        await ask({ method: "PATCH", path, accept: "application/json", body: JSON.stringify(patch) });
        return true;
      } catch (error) {
        if (error instanceof ClusterApiError && error.status === 404) return false;
        throw error;
      }
    },
    close: () => {
      agent.destroy();
    },
  };
}

function readPods(text: string): MarkedPod[] {
  return listSchema
    .parse(JSON.parse(text))
    .items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata: { name, annotations } }) => ({
      name,
      cost: annotations?.[COST_ANNOTATION],
      eviction: annotations?.[EVICTION_ANNOTATION],
    }));
}

interface Question {
  readonly method: "GET" | "PATCH";
  readonly path: string;
  readonly accept: string;
  readonly body?: string;
}

interface Way {
  readonly host: string;
  readonly port: number;
  readonly agent: Agent;
  readonly token: string;
  readonly ca: string;
}

/** @throws ClusterApiError for every status but 2xx */
async function send({ method, path, accept, body }: Question, { host, port, agent, token, ca }: Way): Promise<string> {
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const headers = {
      ...{ accept, authorization: `Bearer ${token}`, "user-agent": FIELD_MANAGER },
      ...(body === undefined ? {} : { "content-type": "application/merge-patch+json" }),
    };
    const signal = AbortSignal.timeout(ANSWER_MS);
    const asked = request({ host, port, method, path, headers, agent, ca, signal }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on("data", (part: Buffer) => {
        parts.push(part);
        if ((bytes += part.length) > MOST_BYTES) response.destroy(new Error(`an answer of over ${MOST_BYTES} bytes`));
      });
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") });
      });
    });
    asked.on("error", (error) => {
      reject(signal.aborted ? new Error(`the cluster's API: no answer within ${ANSWER_MS} ms`) : error);
    });
    asked.end(body);
  });
  if (status >= 200 && status < 300) return text;
  throw new ClusterApiError(`${method} ${path}`, status, reasonIn(text));
}

/** The API's own words, where there are any. */
function reasonIn(text: string): string {
  try {
    return z.object({ message: z.string() }).parse(JSON.parse(text)).message;
  } catch {
    return text.slice(0, 200);
  }
}
