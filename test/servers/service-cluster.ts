import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";

type Labels = Record<string, string>;

/** A pod of the simulated cluster. */
export interface ServicePod {
  readonly name: string;
  readonly labels: Labels;
  ready: boolean;
  /** Whether it is on its way out. */
  leaving: boolean;
}

interface Workload {
  readonly metadata: { readonly name: string; readonly labels: Labels };
  readonly spec: { readonly replicas: number; readonly template: { readonly metadata: { readonly labels: Labels } } };
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: string;
}

const [NAMESPACE, SERVICE] = ["slipway-unit", "api"];
const ROOT = `/namespaces/${NAMESPACE}`;
const PULUMI = "pulumi-kubernetes-1";

/** Milliseconds until a pod is ready, or gone; and between two moments in which each pod that is behind the Service answers. */
const POD_MS = 60;
const TICK_MS = 10;
const REQUESTS = 4;

/** Simulates a cluster as far as one service goes: its Service, the pods behind it, which answer and say so in their logs, and Deployments beside. */
export class ServiceCluster {
  readonly namespace = NAMESPACE;
  readonly config = new KubeConfig();
  selector: Labels;
  /** Who owns fields of the Service; the last one its selector. */
  managers: string[] = [PULUMI];
  readonly pods: ServicePod[] = [];
  /** What was changed, in order. */
  readonly changes: string[] = [];
  /** Which pods answered, in order, each once in a row. */
  readonly answered: string[] = [];
  /** Moments in which the Service had nobody who is ready. */
  empty = 0;
  /** What a pod answers. */
  status: (pod: ServicePod) => number = () => 200;
  /** Whether pods of Deployments that are made become ready. */
  becomeReady = true;
  readonly #deployments = new Map<string, Workload>();
  readonly #logs = new Map<string, ServerResponse[]>();
  readonly #server: Server;
  #ticks: NodeJS.Timeout | undefined;

  /** @param labels of the service's own pods, of which there are two */
  constructor(selector: Labels, labels: Labels) {
    this.selector = selector;
    for (const name of ["blue-1", "blue-2"]) this.pods.push({ name, labels, ready: true, leaving: false });
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    this.config.loadFromOptions({
      clusters: [{ name: "here", server: `http://127.0.0.1:${address.port}`, skipTLSVerify: true }],
      users: [{ name: "me" }],
      contexts: [{ name: "here", cluster: "here", user: "me" }],
      currentContext: "here",
    });
    this.#ticks = setInterval(() => {
      this.#tick();
    }, TICK_MS);
    return this;
  }

  close(): void {
    clearInterval(this.#ticks);
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get deployments(): string[] {
    return [...this.#deployments.keys()];
  }

  /** Of those that answered, which set each is of. */
  get sides(): string[] {
    const all = this.answered.map((name) => name.replace(/-\d+$/, ""));
    return all.filter((side, index) => side !== all[index - 1]);
  }

  /** Makes one as a deploy would that was killed then. */
  leaves(workload: Workload): void {
    this.#put(workload);
  }

  #behind(): ServicePod[] {
    return this.pods.filter((pod) => pod.ready && !pod.leaving && matches(pod.labels, this.selector));
  }

  #tick(): void {
    const behind = this.#behind();
    if (behind.length === 0) this.empty += 1;
    for (const pod of behind) {
      if (this.answered.at(-1) !== pod.name) this.answered.push(pod.name);
      const line = { level: "info", service: SERVICE, msg: "request", route: "/", status: this.status(pod) };
      const lines = `${JSON.stringify({ ...line, milliseconds: 4 })}\n`.repeat(REQUESTS);
      for (const log of this.#logs.get(pod.name) ?? []) log.write(lines);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://here");
    const [method, path] = [request.method ?? "", url.pathname];
    if (path.endsWith("/log")) {
      const pod = path.split("/").at(-2) ?? "";
      this.#logs.set(pod, [...(this.#logs.get(pod) ?? []), response.writeHead(200)]);
      response.flushHeaders();
      return;
    }
    const body = await text(request);
    const found = this.#object(method, path, body, url.searchParams);
    response
      .writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" })
      .end(JSON.stringify(found ?? { kind: "Status", code: 404 }));
  }

  #object(method: string, path: string, body: string, query: URLSearchParams): object | undefined {
    const picked = labelsOf(query.get("labelSelector") ?? "");
    if (path === "/apis/apps/v1")
      return { resources: [{ name: "deployments", kind: "Deployment", namespaced: true, verbs: ["create"] }] };
    if (path === `/api/v1${ROOT}/services/${SERVICE}`) {
      if (method === "PATCH") this.#patch(JSON.parse(body) as Operation[], query.get("fieldManager") ?? "");
      return this.#service();
    }
    if (path === `/api/v1${ROOT}/pods`)
      return { items: this.pods.filter(({ labels }) => matches(labels, picked)).map(podOf) };
    if (path === `/apis/discovery.k8s.io/v1${ROOT}/endpointslices`)
      return { items: [{ addressType: "IPv4", endpoints: this.#behind().map(endpointOf) }] };
    const [, name] = /\/deployments(?:\/(.+))?$/.exec(path) ?? [];
    if (method === "POST" || method === "PUT") return this.#put(JSON.parse(body) as Workload);
    if (name === undefined)
      return { items: [...this.#deployments.values()].filter(({ metadata }) => matches(metadata.labels, picked)) };
    return method === "DELETE" ? this.#delete(name) : this.#deployments.get(name);
  }

  #service(): object {
    const managedFields = this.managers.map((manager) => ({ manager, operation: "Apply", fieldsType: "FieldsV1" }));
    return { metadata: { name: SERVICE, namespace: NAMESPACE, managedFields }, spec: { selector: this.selector } };
  }

  #patch(operations: readonly Operation[], manager: string): void {
    for (const { op, path, value = "" } of operations) {
      const [, , key = ""] = path.split("/").slice(1);
      const label = key.replaceAll("~1", "/");
      if (op === "add") {
        this.changes.push(`selects ${value}`);
        this.selector = { ...this.selector, [label]: value };
        if (!this.managers.includes(manager)) this.managers.push(manager);
      } else if (op === "remove") this.managers.splice(Number(key), 1);
      else if (this.managers[Number(key)] !== value) throw new Error(`${path} is not ${value}`);
    }
  }

  #put(workload: Workload): Workload {
    const { metadata, spec } = workload;
    this.changes.push(`makes ${spec.replicas} of ${metadata.name}`);
    this.#deployments.set(metadata.name, workload);
    for (let n = 1; n <= spec.replicas; n++) {
      const { labels } = spec.template.metadata;
      const pod = { name: `green-${n}`, labels, ready: false, leaving: false };
      this.pods.push(pod);
      setTimeout(() => (pod.ready = this.becomeReady), POD_MS);
    }
    return workload;
  }

  #delete(name: string): object | undefined {
    const there = this.#deployments.get(name);
    if (there === undefined) return undefined;
    this.changes.push(`deletes ${name}`);
    this.#deployments.delete(name);
    const going = this.pods.filter(({ labels }) => matches(labels, there.spec.template.metadata.labels));
    for (const pod of going) pod.leaving = true;
    setTimeout(() => {
      for (const pod of going) this.pods.splice(this.pods.indexOf(pod), 1);
    }, POD_MS);
    return {};
  }
}

/** `a=b,!c` as what a label has to be, and undefined where it must not be there. */
function labelsOf(selector: string): Record<string, string | undefined> {
  const parts = selector.split(",").filter((part) => part !== "");
  return Object.fromEntries(
    parts.map((part) => (part.startsWith("!") ? [part.slice(1), undefined] : (part.split("=") as [string, string]))),
  );
}

function matches(labels: Labels, picked: Readonly<Record<string, string | undefined>>): boolean {
  return Object.entries(picked).every(([key, value]) => labels[key] === value);
}

function podOf({ name, labels, ready, leaving }: ServicePod): object {
  const deletionTimestamp = leaving ? { deletionTimestamp: "2026-11-30T07:00:00Z" } : {};
  return {
    metadata: { name, labels, ...deletionTimestamp },
    status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  };
}

function endpointOf({ name }: ServicePod): object {
  return { addresses: ["10.0.0.1"], conditions: { ready: true }, targetRef: { kind: "Pod", name } };
}
