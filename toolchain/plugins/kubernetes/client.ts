import { request, type RequestOptions } from "node:https";
import { request as requestPlain } from "node:http";
import type { KubeConfig } from "@kubernetes/client-node";
import { messageOf } from "../../../configs/message.ts";
import { ApiError, isNotFound } from "./errors.ts";
import type { Identity, Kind } from "./objects.ts";
import { isObject, objectsAt, textAt, type Json, type JsonObject } from "./wire.ts";

/** How long the server may take to answer, in milliseconds. */
const TIMEOUT_MS = 30_000;

/** What the API server calls a kind in its paths. */
interface ApiResource {
  readonly plural: string;
  readonly namespaced: boolean;
}

interface ApplyOptions {
  /** Who owns the fields that are sent. */
  readonly fieldManager: string;
  /** Takes fields from other managers. */
  readonly force: boolean;
  /** Says what would be, and changes nothing. */
  readonly dryRun: boolean;
}

/** No kind of this name: its definition may come later in the same update. */
export class UnknownKind extends Error {
  override readonly name = "UnknownKind";
}

/** Nobody answers for the API server. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** The API of one cluster. */
export class Client {
  readonly #kubeconfig: KubeConfig;
  readonly #source: string;
  /** By apiVersion, then by kind. */
  readonly #known = new Map<string, ReadonlyMap<string, ApiResource>>();

  /** @param source words for messages: where the kubeconfig came from */
  constructor(kubeconfig: KubeConfig, source: string) {
    this.#kubeconfig = kubeconfig;
    this.#source = source;
  }

  /** Whether objects of a kind lie in namespaces. @throws UnknownKind */
  async isNamespaced(kind: Kind): Promise<boolean> {
    return (await this.#resource(kind)).namespaced;
  }

  /** An object as it is; nothing where it is not there. */
  async get(identity: Identity): Promise<JsonObject | undefined> {
    try {
      return await this.#send("GET", await this.#path(identity), `${identity.kind} ${identity.name}`);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Makes an object as it is given, or changes the fields that are given; gives what it is then. */
  async apply(
    identity: Identity,
    object: JsonObject,
    { fieldManager, force, dryRun }: ApplyOptions,
  ): Promise<JsonObject> {
    const query = new URLSearchParams({
      fieldManager,
      ...(force ? { force: "true" } : {}),
      ...(dryRun ? { dryRun: "All" } : {}),
    });
    const path = `${await this.#path(identity)}?${query.toString()}`;
    return this.#send("PATCH", path, `${identity.kind} ${identity.name}`, object);
  }

  /** Begins to delete an object, what it owns first. */
  async remove(identity: Identity, uid: string | undefined): Promise<void> {
    const options = {
      ...{ kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Foreground" },
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    };
    await this.#send("DELETE", await this.#path(identity), `${identity.kind} ${identity.name}`, options);
  }

  /** Objects of a kind in a namespace. @param selector labels they must have, such as `app=web` */
  async list(
    kind: Kind,
    namespace: string,
    selector: Readonly<Record<string, string>>,
  ): Promise<readonly JsonObject[]> {
    const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
    const { plural } = await this.#resource(kind);
    const query = new URLSearchParams({ labelSelector: labels.join(",") });
    const path = `${root(kind.apiVersion)}/namespaces/${namespace}/${plural}?${query.toString()}`;
    return objectsAt(await this.#send("GET", path, `${kind.kind}s of ${namespace}`), "items");
  }

  /** The last lines that a container printed; nothing where there are none to be had. */
  async logs(namespace: string, pod: string, container: string, lines: number, previous = false): Promise<string> {
    const query = new URLSearchParams({
      container,
      tailLines: String(lines),
      ...(previous ? { previous: "true" } : {}),
    });
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?${query.toString()}`;
    return (await this.#raw("GET", path)).text;
  }

  async #path({ apiVersion, kind, namespace, name }: Identity): Promise<string> {
    const { plural } = await this.#resource({ apiVersion, kind });
    const where = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
    return `${root(apiVersion)}${where}/${plural}/${encodeURIComponent(name)}`;
  }

  async #resource({ apiVersion, kind }: Kind): Promise<ApiResource> {
    const known = this.#known.get(apiVersion)?.get(kind);
    if (known) return known;
    const found = await this.#discover(apiVersion);
    this.#known.set(apiVersion, found);
    const resource = found.get(kind);
    if (resource) return resource;
    throw new UnknownKind(
      `The cluster has no ${apiVersion} ${kind}. Install what defines it, or name an apiVersion that it has (kubectl api-resources).`,
    );
  }

  async #discover(apiVersion: string): Promise<ReadonlyMap<string, ApiResource>> {
    try {
      const answer = await this.#send("GET", root(apiVersion), `resources of ${apiVersion}`);
      const resources = objectsAt(answer, "resources").filter(
        ({ name }) => typeof name === "string" && !name.includes("/"),
      );
      return new Map(
        resources.map((one) => [
          textAt(one, "kind") ?? "",
          { plural: textAt(one, "name") ?? "", namespaced: one["namespaced"] === true },
        ]),
      );
    } catch (error) {
      if (isNotFound(error)) return new Map();
      throw error;
    }
  }

  async #send(method: string, path: string, what: string, body?: JsonObject): Promise<JsonObject> {
    const { status, text } = await this.#raw(method, path, body);
    const answer = parse(text);
    if (status < 200 || status > 299) throw new ApiError(what, status, answer);
    return isObject(answer) ? answer : {};
  }

  async #raw(
    method: string,
    path: string,
    body?: JsonObject,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const server = this.#kubeconfig.getCurrentCluster()?.server ?? "";
    const url = new URL(server.replace(/\/$/, "") + path);
    const type = method === "PATCH" ? "application/apply-patch+yaml" : "application/json";
    const text = body && JSON.stringify(body);
    const options: RequestOptions = {
      method,
      timeout: TIMEOUT_MS,
      headers: {
        accept: "application/json",
        // Node says no length of a DELETE's body by itself, and a server then takes it for none: what a Job had made stayed behind.
        ...(text !== undefined && { "content-type": type, "content-length": Buffer.byteLength(text) }),
      },
    };
    await this.#kubeconfig.applyToHTTPSOptions(options);
    try {
      return await exchange(url, options, text);
    } catch (error) {
      const why = messageOf(error);
      throw new Unreachable(
        `The cluster at ${server} (${this.#source}) does not answer: ${why}. Start it, or correct kubeconfig or context.`,
      );
    }
  }
}

function exchange(
  url: URL,
  options: RequestOptions,
  body: string | undefined,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = (url.protocol === "http:" ? requestPlain : request)(url, options, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => (text += chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        resolve({ status: answer.statusCode ?? 0, text });
      });
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Path of a group and version. */
function root(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return { message: text.slice(0, 200) };
  }
}
