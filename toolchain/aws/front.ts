import { createServer, request as send, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ProviderArgs } from "@pulumi/aws/provider.js";
import { accessEntries } from "./front-access.ts";
import { addons } from "./front-addons.ts";
import { backup } from "./front-backup.ts";
import { bucketPolicy } from "./front-bucket-policy.ts";
import { bucketReplication } from "./front-bucket-replication.ts";
import { bucketTags } from "./front-bucket-tags.ts";
import { budgets } from "./front-budgets.ts";
import { cacheClusters } from "./front-cache-clusters.ts";
import { cacheParameters } from "./front-cache-parameters.ts";
import { cacheSubnets } from "./front-cache-subnets.ts";
import { metrics } from "./front-cbor.ts";
import { databases } from "./front-databases.ts";
import { eksClusters, type KubernetesAccess } from "./front-eks-clusters.ts";
import { launchTemplates } from "./front-launch-templates.ts";
import { nodeGroups } from "./front-node-groups.ts";
import { podIdentities } from "./front-pod-identity.ts";
import { securityRules } from "./front-security-rules.ts";
import { targetOf } from "./front-target.ts";
import { AWS_SERVICES } from "./services.ts";
import {
  errorAnswer,
  WireError,
  type AskMoto,
  type AwsAnswer,
  type AwsHandler,
  type AwsRequest,
} from "./front-wire.ts";

/**
 * A server before moto that answers what moto lacks; everything else goes to moto as it came. docs/aws-tests.md names
 * both. Its state is in memory and ends with it.
 */
export interface Front {
  /** Such as http://127.0.0.1:40123. */
  readonly url: string;
  /** Requests that neither a handler nor moto could answer, once each: such as `budgets TagResource`. */
  readonly unanswered: ReadonlySet<string>;
  close(): Promise<void>;
}

/** A host that is none: requests for it reach the server because the provider takes it for its proxy. */
const HOST = "aws.test";

/**
 * Settings of an AWS provider whose requests all go to the server. It is the provider's proxy, not only its endpoints:
 * S3 Control writes the account before the endpoint's host, which no address of the loopback allows.
 *
 * @param region such as eu-central-1
 */
export function providerSettings({ url }: Pick<Front, "url">, region: string): ProviderArgs {
  return {
    ...{ region, accessKey: "test", secretKey: "test", httpProxy: url },
    ...{ skipCredentialsValidation: true, skipMetadataApiCheck: true, s3UsePathStyle: true },
    endpoints: [Object.fromEntries([...AWS_SERVICES, "s3control"].map((service) => [service, `http://${HOST}`]))],
  };
}

/** What is answered here. A row answers the requests of one service that it knows, with a state of its own. */
export const HANDLERS = [
  { name: "EKS clusters: access, upgrade policy, protection, security group", service: "eks", make: eksClusters },
  { name: "EKS node groups: Auto Scaling groups, updates, repair", service: "eks", make: nodeGroups },
  { name: "EKS add-ons", service: "eks", make: addons },
  { name: "EKS access entries", service: "eks", make: accessEntries },
  { name: "EKS Pod Identity", service: "eks", make: podIdentities },
  { name: "ElastiCache members of replication groups", service: "elasticache", make: cacheClusters },
  { name: "ElastiCache subnet groups: deletion", service: "elasticache", make: cacheSubnets },
  { name: "RDS: Performance Insights, whose parameters", service: "rds", make: databases },
  { name: "EC2 launch templates: their own tags", service: "ec2", make: launchTemplates },
  { name: "EC2 security group rules: descriptions", service: "ec2", make: securityRules },
  { name: "Backup plans, selections, policies of vaults", service: "backup", make: backup },
  { name: "Budgets: subscribers, tags, changes", service: "budgets", make: budgets },
  { name: "CloudWatch in CBOR", service: "monitoring", make: metrics },
  { name: "S3 tags given when a bucket is made", service: "s3", make: bucketTags },
  { name: "S3 policies of buckets: conditions", service: "s3", make: bucketPolicy },
  { name: "S3 replication rules: encryption of copies, deletions", service: "s3", make: bucketReplication },
  { name: "ElastiCache parameter groups", service: "elasticache", make: cacheParameters },
] as const satisfies readonly { name: string; service: string; make: (options: FrontOptions) => AwsHandler }[];

export interface FrontOptions {
  /** The real cluster that every EKS cluster is. @default none: what moto says leads nowhere */
  readonly kubernetes?: KubernetesAccess;
  /** Address that it listens on. @default the loopback */
  readonly host?: string;
}

/**
 * Starts it on a free port.
 *
 * @param moto URL of the server behind it
 */
export async function startFront(moto: string, options: FrontOptions = {}): Promise<Front> {
  const handlers = HANDLERS.map(({ service, make }) => ({ service, handle: make(options) }));
  const unanswered = new Set<string>();
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing, { moto, handlers, unanswered }).catch((error: unknown) => {
      if (!outgoing.headersSent) outgoing.writeHead(502);
      outgoing.end(`The server before moto failed: ${String(error)}`);
    });
  });
  const { host = "127.0.0.1" } = options;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://${host}:${port}`, unanswered, close: () => close(server) };
}

interface Behind {
  readonly moto: string;
  readonly handlers: readonly { readonly service: string; readonly handle: AwsHandler }[];
  readonly unanswered: Set<string>;
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, behind: Behind): Promise<void> {
  const { moto, handlers, unanswered } = behind;
  const request = await parse(incoming);
  const ask: AskMoto = (asked) => askMoto(moto, asked);
  const found = (await ownAnswer(handlers, request, ask)) ?? (await ask(request));
  const { status, headers, body } = isNone(request, found) ? refusal(request, found, unanswered) : found;
  outgoing.writeHead(status, headers).end(request.method === "HEAD" ? undefined : body);
}

/** moto fails at what it does not know, or answers with a page for people. AWS does neither. Nobody reads an answer to HEAD. */
function isNone({ method }: AwsRequest, { status, headers }: AwsAnswer): boolean {
  if (status >= 500) return true;
  return status >= 400 && method !== "HEAD" && (headers["content-type"] ?? "").startsWith("text/html");
}

/** A fault that no SDK asks again for: who runs the stack sees at once what is missing here. */
function refusal(request: AwsRequest, { status }: AwsAnswer, unanswered: Set<string>): AwsAnswer {
  const action = targetOf(request) ?? /(?:^|&)Action=(\w+)/.exec(request.text)?.[1];
  const what = `${request.service} ${action ?? `${request.method} ${request.url}`}`;
  unanswered.add(what);
  return errorAnswer(request, new WireError("NotSimulated", `moto answered ${status} to ${what}: it needs a handler.`));
}

async function ownAnswer(
  handlers: Behind["handlers"],
  request: AwsRequest,
  ask: AskMoto,
): Promise<AwsAnswer | undefined> {
  try {
    for (const { service, handle } of handlers) {
      const own = service === request.service ? await handle(request, ask) : undefined;
      if (own !== undefined) return own;
    }
    return undefined;
  } catch (error) {
    if (error instanceof WireError) return errorAnswer(request, error);
    throw error;
  }
}

async function parse(incoming: IncomingMessage): Promise<AwsRequest> {
  const body = await bodyOf(incoming);
  // A proxy is sent the whole URL.
  const url = (incoming.url ?? "/").replace(/^https?:\/\/[^/]+/, "");
  const [path = "/", query = ""] = url.split("?", 2);
  // AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-central-1/eks/aws4_request, …
  const [, region = "", service = ""] =
    /Credential=[^/]+\/\d+\/([^/]+)\/([^/]+)\//.exec(incoming.headers.authorization ?? "") ?? [];
  return {
    ...{ service, region, method: incoming.method ?? "GET", url, body, text: body.toString("utf8") },
    headers: onwardHeaders(incoming, body),
    path: path.split("/").slice(1).map(decodeURIComponent),
    query: new URLSearchParams(query),
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** The whole body is here: it goes on with its length, not in chunks, and to moto by moto's own name. */
function onwardHeaders({ headers }: IncomingMessage, body: Buffer): Record<string, string> {
  const left = new Set(["transfer-encoding", "host", "content-length", "connection", "proxy-connection"]);
  const kept = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    left.has(name) || value === undefined ? [] : [[name, String(value)]],
  );
  return { ...Object.fromEntries(kept), "content-length": String(body.length) };
}

function askMoto(moto: string, { method, url, headers, body }: Parameters<AskMoto>[0]): Promise<AwsAnswer> {
  const { hostname, port } = new URL(moto);
  return new Promise((resolve, reject) => {
    const onward = send({ hostname, port, path: url, method, headers }, (answered) => {
      bodyOf(answered).then((said) => {
        const kept = Object.entries(answered.headers).filter(([name]) => !HOP_BY_HOP.has(name));
        resolve({
          status: answered.statusCode ?? 502,
          headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
          body: said,
        });
      }, reject);
    });
    onward.on("error", reject).end(body);
  });
}

/** Of one connection, or of a body that is not sent as it came. */
const HOP_BY_HOP = new Set(["connection", "transfer-encoding", "content-length", "keep-alive"]);

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
