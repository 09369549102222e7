import grpc from "@grpc/grpc-js";
import empties from "google-protobuf/google/protobuf/empty_pb.js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { inputFaults, readSettings } from "./configure.ts";
import { createEngineLog, type EngineLog } from "./engine-log.ts";
import { apply, check, diff, preview, read, remove, type Made } from "./lifecycle.ts";
import { kindOf } from "./objects.ts";
import { parsePath } from "./paths.ts";
import { toDiffResponse, toServiceError, toStruct, type Struct } from "./replies.ts";
import { openSession, secretsOf, type Session } from "./session.ts";
import { decode, without, type Decoded, type JsonObject, type Path } from "./wire.ts";

/** What a request is about, for errors that carry a resource. */
interface About {
  readonly secrets: readonly Path[];
  readonly inputs: JsonObject;
}

/** Pulumi's service of a provider of resources, over one cluster. */
export class KubernetesProvider {
  readonly #version: string;
  readonly #cancelled = new AbortController();
  #log: EngineLog;
  #session: Session | undefined;

  /**
   * @param version of the official plugin that this one stands in for
   * @param engine  its address
   */
  constructor(version: string, engine: string | undefined) {
    this.#version = version;
    this.#log = createEngineLog(engine);
  }

  /** Handlers by the names of the service's methods. */
  service(): grpc.UntypedServiceImplementation {
    return {
      getPluginInfo: unary(() => new plugins.PluginInfo().setVersion(this.#version)),
      attach: unary((request: plugins.PluginAttach) => {
        this.#log = createEngineLog(request.getAddress());
        return new empties.Empty();
      }),
      getSchema: unary(() => new messages.GetSchemaResponse().setSchema("{}")),
      checkConfig: unary((request: messages.CheckRequest) => this.#checkConfig(request)),
      diffConfig: unary((request: messages.DiffRequest) => diffConfig(request)),
      configure: unary((request: messages.ConfigureRequest) => this.#configure(request)),
      check: unary((request: messages.CheckRequest) => this.#check(request)),
      diff: unary((request: messages.DiffRequest) => this.#diff(request)),
      create: unary((request: messages.CreateRequest) => this.#create(request), aboutCreate),
      read: unary((request: messages.ReadRequest) => this.#read(request)),
      update: unary((request: messages.UpdateRequest) => this.#update(request), aboutUpdate),
      delete: unary((request: messages.DeleteRequest) => this.#delete(request)),
      invoke: unary((request: messages.InvokeRequest) => refuse(request.getTok())),
      cancel: unary(() => {
        this.#cancelled.abort();
        return new empties.Empty();
      }),
    };
  }

  #checkConfig(request: messages.CheckRequest): messages.CheckResponse {
    const { value, secrets } = decoded(request.getNews());
    const response = new messages.CheckResponse().setInputs(toStruct(value, secrets));
    for (const { input, reason } of inputFaults(value)) {
      response.addFailures(new messages.CheckFailure().setProperty(input).setReason(reason));
    }
    return response;
  }

  #configure(request: messages.ConfigureRequest): messages.ConfigureResponse {
    const settings = readSettings(decoded(request.getArgs()).value);
    this.#session = openSession(settings, this.#log, this.#cancelled.signal);
    this.#log.info("", `A plugin of this project stands in for the official Kubernetes plugin ${this.#version}.`);
    return new messages.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
  }

  async #check(request: messages.CheckRequest): Promise<messages.CheckResponse> {
    const news = decoded(request.getNews());
    const olds = request.getOlds();
    const old = olds && Object.keys(olds.toJavaScript()).length > 0 ? decoded(olds).value : undefined;
    const urn = request.getUrn();
    const checked = await check(this.#open(), urn, nameOf(urn), news, old, request.getRandomseed_asU8());
    return new messages.CheckResponse().setInputs(toStruct(checked, secretsOf(kindOf(checked, urn), news.secrets)));
  }

  async #diff(request: messages.DiffRequest): Promise<messages.DiffResponse> {
    const state = decoded(request.getOlds()).value;
    const before = decoded(request.getOldInputs()).value;
    const ignored = request.getIgnorechangesList().map(parsePath);
    const news = decoded(request.getNews());
    return toDiffResponse(await diff(this.#open(), request.getUrn(), before, news, state, ignored));
  }

  async #create(request: messages.CreateRequest): Promise<messages.CreateResponse> {
    const asked = decoded(request.getProperties());
    const ask = { urn: request.getUrn(), seconds: request.getTimeout() };
    const secrets = secretsOf(kindOf(asked.value, ask.urn), asked.secrets);
    if (request.getPreview()) {
      const state = await preview(this.#open(), ask, asked);
      return new messages.CreateResponse().setProperties(toStruct(state, secrets));
    }
    const { id, state }: Made = await apply(this.#open(), ask, asked.value);
    return new messages.CreateResponse().setId(id).setProperties(toStruct(state, secrets));
  }

  async #update(request: messages.UpdateRequest): Promise<messages.UpdateResponse> {
    const news = decoded(request.getNews());
    const olds = decoded(request.getOlds()).value;
    const asked = { ...news, value: without(news.value, request.getIgnorechangesList().map(parsePath)) };
    const ask = { urn: request.getUrn(), seconds: request.getTimeout() };
    const secrets = secretsOf(kindOf(asked.value, ask.urn), asked.secrets);
    const state = request.getPreview()
      ? await preview(this.#open(), ask, asked, olds)
      : (await apply(this.#open(), ask, asked.value, olds)).state;
    return new messages.UpdateResponse().setProperties(toStruct(state, secrets));
  }

  async #read(request: messages.ReadRequest): Promise<messages.ReadResponse> {
    const inputs = decoded(request.getInputs());
    const state = decoded(request.getProperties()).value;
    const urn = request.getUrn();
    const found = await read(this.#open(), urn, request.getId(), inputs.value, state);
    if (!found) return new messages.ReadResponse();
    const secrets = secretsOf(kindOf(found.state, urn), inputs.secrets);
    const response = new messages.ReadResponse().setId(found.id).setProperties(toStruct(found.state, secrets));
    return response.setInputs(toStruct(found.inputs, secrets));
  }

  async #delete(request: messages.DeleteRequest): Promise<empties.Empty> {
    const ask = { urn: request.getUrn(), seconds: request.getTimeout() };
    await remove(this.#open(), ask, request.getId(), decoded(request.getProperties()).value);
    return new empties.Empty();
  }

  #open(): Session {
    if (this.#session) return this.#session;
    throw new Error("The engine asked for a resource before it configured the provider.");
  }
}

/** A cluster that moves takes all its objects with it; how it is reached may change. */
function diffConfig(request: messages.DiffRequest): messages.DiffResponse {
  const [before, after] = [decoded(request.getOldInputs()).value, decoded(request.getNews()).value];
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
  return toDiffResponse({
    changes: changed.map((key) => ({ path: [key], is: "changed", replaces: false, asked: true })),
    deleteFirst: false,
  });
}

function decoded(struct: Struct | undefined): Decoded {
  return decode(struct?.toJavaScript() ?? {});
}

/** Logical name in a URN. */
function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

function refuse(token: string): never {
  throw new Error(
    `${token} is a function of the official Kubernetes plugin; the one that stands in for it has resources alone. Install the official one, or write the objects out.`,
  );
}

function aboutCreate(request: messages.CreateRequest): About {
  return about(request.getUrn(), decoded(request.getProperties()));
}

function aboutUpdate(request: messages.UpdateRequest): About {
  return about(request.getUrn(), decoded(request.getNews()));
}

function about(urn: string, { value, secrets }: Decoded): About {
  return { inputs: value, secrets: secretsOf(kindOf(value, urn), secrets) };
}

/** A method that answers once; what it throws is the engine's to show. */
function unary<Request, Response>(
  work: (request: Request) => Promise<Response> | Response,
  tellAbout?: (request: Request) => About,
): grpc.handleUnaryCall<Request, Response> {
  return ({ request }, callback) => {
    void Promise.resolve()
      .then(() => work(request))
      .then(
        (response) => {
          callback(null, response);
        },
        (error: unknown) => {
          const { secrets, inputs } = tellAbout?.(request) ?? { secrets: [], inputs: {} };
          callback(toServiceError(error, secrets, inputs));
        },
      );
  };
}

/** Serves on loopback. @returns the port and how to end it */
export async function serve(provider: KubernetesProvider): Promise<{ readonly port: number; stop(): void }> {
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  server.addService(services.ResourceProviderService, provider.service());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return {
    port,
    stop: () => {
      server.forceShutdown();
    },
  };
}
