import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authorityCertificate, serverCertificate } from "../../infra/kubernetes/certificate.ts";

/** A pod of the simulated cluster. */
export interface SimulatedPod {
  readonly service: string;
  annotations: Record<string, string>;
  /** Whether it is on its way out. */
  readonly leaving?: boolean;
}

/** What a program asked for. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly contentType: string | undefined;
  readonly body: string;
}

/** Simulates the part of a cluster's API that lists pods and changes their annotations, over TLS, for who has the token. */
export interface SimulatedClusterApi {
  readonly port: number;
  /** Folder of `token`, `ca.crt` and `namespace`, as the kubelet would mount it. */
  readonly access: string;
  /** By name. */
  readonly pods: Map<string, SimulatedPod>;
  readonly asked: Asked[];
  /** What it answers in place of all else. */
  broken: { readonly status: number; readonly message: string } | undefined;
  /** Pods that it refuses to change. */
  refused: ReadonlySet<string>;
  /** Another token, known to the API alone until it is written to the folder. */
  token: string;
  close(): Promise<void>;
}

const NAMESPACE = "slipway-unit";
const PATH = `/api/v1/namespaces/${NAMESPACE}/pods`;
const SEED = "a-seed-of-many-random-characters-0123456789";

/** The host by which its certificate knows it. */
export const CLUSTER_API_HOST = "localhost";

/** @param pods by name */
export async function startClusterApi(pods: Readonly<Record<string, SimulatedPod>>): Promise<SimulatedClusterApi> {
  const access = mkdtempSync(join(tmpdir(), "slipway-cluster-"));
  const api = {
    ...{ pods: new Map(Object.entries(pods)), asked: [] as Asked[] },
    ...{ broken: undefined, refused: new Set<string>(), token: "Canary-token" },
  };
  const { certificate: cert, key } = serverCertificate(SEED, [CLUSTER_API_HOST]);
  const server = createServer({ cert, key });
  await new Promise<void>((resolve) => server.listen(0, CLUSTER_API_HOST, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the simulated API has no port");
  const files = { token: `${api.token}\n`, "ca.crt": authorityCertificate(SEED), namespace: NAMESPACE };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(access, name), content);
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(access, { recursive: true });
  };
  const whole: SimulatedClusterApi = Object.assign(api, { port: address.port, access, close });
  server.on("request", (request, response) => {
    void answer(whole, request).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  return whole;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const failure = (status: number, message: string): Answer => ({ status, body: { kind: "Status", message } });

async function answer(api: SimulatedClusterApi, request: IncomingMessage): Promise<Answer> {
  let body = "";
  for await (const part of request) body += String(part);
  const { method = "", url = "" } = request;
  api.asked.push({ method, url, contentType: request.headers["content-type"], body });
  if (request.headers.authorization !== `Bearer ${api.token}`) return failure(401, "Unauthorized");
  if (api.broken) return failure(api.broken.status, api.broken.message);
  const { pathname, searchParams } = new URL(url, "https://cluster");
  if (method === "GET" && pathname === PATH) return list(api, searchParams.get("labelSelector") ?? "");
  const name = pathname.startsWith(`${PATH}/`) ? pathname.slice(PATH.length + 1) : "";
  const pod = api.pods.get(name);
  if (method !== "PATCH" || !pod) return failure(404, `pods "${name}" not found`);
  if (api.refused.has(name)) return failure(403, `pods "${name}" is forbidden: denied request`);
  const { metadata } = JSON.parse(body) as { metadata: { annotations: Record<string, string | null> } };
  const changed = Object.entries({ ...pod.annotations, ...metadata.annotations });
  pod.annotations = Object.fromEntries(changed.filter((one): one is [string, string] => one[1] !== null));
  return { status: 200, body: { metadata: { name } } };
}

function list({ pods }: SimulatedClusterApi, selector: string): Answer {
  const services = /^app\.kubernetes\.io\/name in \((?<names>[^)]+)\)$/.exec(selector)?.groups?.["names"]?.split(",");
  if (services === undefined) return failure(400, `unable to parse requirement: ${selector}`);
  const items = [...pods]
    .filter(([, { service }]) => services.includes(service))
    .map(([name, { annotations, leaving }]) => ({
      metadata: { name, annotations, ...(leaving === true ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}) },
    }));
  return { status: 200, body: { kind: "PartialObjectMetadataList", items } };
}
