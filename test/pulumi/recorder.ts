import { runtime, type Output } from "@pulumi/pulumi";
import type {
  RegisterResourceOutputsRequest,
  RegisterResourceRequest,
  RegisterResourceResponse,
} from "@pulumi/pulumi/proto/resource_pb.js";
import { MockMonitor, type MockResourceArgs, type Mocks } from "@pulumi/pulumi/runtime/mocks.js";

export const PROJECT = "slipway";
export const STACK = "unit";

/** One resource as the program asked the engine for it. */
export interface RecordedResource {
  /** `docker:index/container:Container`, for instance. */
  readonly type: string;
  /** Logical name. */
  readonly name: string;
  readonly urn: string;
  /** URN of its parent; empty where it has none. */
  readonly parent: string;
  /** URN and id of the provider that it is made by; empty where it is the default one. */
  readonly provider: string;
  /** Inputs, secrets opened. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Inputs as the engine gets them: secrets stand in an envelope. */
  readonly sent: Readonly<Record<string, unknown>>;
  /** Whether the engine refuses to delete it. */
  readonly isProtected: boolean;
  /** `undefined` where the program does not say. */
  readonly deleteBeforeReplace: boolean | undefined;
  /** Inputs whose change makes it anew, beside those that the plugin knows. */
  readonly replaceOnChanges: readonly string[];
  /** Names of the hooks that run before it is created. */
  readonly beforeCreate: readonly string[];
  /** Names of the hooks around its update. */
  readonly aroundUpdate: { readonly before: readonly string[]; readonly after: readonly string[] };
  /** How long the plugin may take to make and to change it; empty where the program does not say. */
  readonly timeouts: { readonly create: string; readonly update: string };
  /** URNs of everything that it waits for. */
  readonly dependencies: readonly string[];
  /** URNs of what an input's value comes from. */
  readonly sources: Readonly<Record<string, readonly string[]>>;
  /** What a component gave to `registerOutputs`; the SDK itself calls it with nothing for one that does not. */
  readonly outputs: Readonly<Record<string, unknown>> | undefined;
}

/** What a provider would answer: the resource's outputs beside its inputs, by type. */
export type Answers = Readonly<Record<string, (name: string) => Readonly<Record<string, unknown>>>>;

/** What a provider would answer to a question. */
export type Functions = Readonly<
  Record<string, (inputs: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>>
>;

interface Records {
  /** Requests, and the URN that each was answered with. */
  readonly requests: Map<RegisterResourceRequest, string>;
  /** Registered outputs by URN. */
  readonly outputs: Map<string, Readonly<Record<string, unknown>>>;
}

/**
 * Lets the SDK's mock of the engine note the options that mocks do not see, and take hooks: it has no method for them
 * (3.270) although it says that it supports them. Grafted on, as a monitor of our own would lose the features that
 * `setMocks` turns on, secrets among them.
 */
function noteEverything(): Records {
  const monitor: unknown = runtime.getMonitor();
  if (!(monitor instanceof MockMonitor)) throw new Error("setMocks put no mock in the engine's place");
  const records: Records = { requests: new Map(), outputs: new Map() };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request: RegisterResourceRequest, callback) => {
    records.requests.set(request, "");
    return register(request, (error: unknown, answer: RegisterResourceResponse | undefined) => {
      records.requests.set(request, answer?.getUrn() ?? "");
      callback(error, answer);
    });
  };
  const registerOutputs = monitor.registerResourceOutputs.bind(monitor);
  monitor.registerResourceOutputs = (request: RegisterResourceOutputsRequest, callback) => {
    records.outputs.set(request.getUrn(), request.getOutputs()?.toJavaScript() ?? {});
    registerOutputs(request, callback);
  };
  const registerResourceHook = (_request: unknown, callback: (error: null, answer: object) => void) => {
    callback(null, {});
  };
  Object.assign(monitor, { registerResourceHook });
  return records;
}

/**
 * Runs a program against a mock of the engine and records every resource. Nothing is asserted inside an `apply`: the
 * program is waited for first.
 *
 * @param program its result is given back; an Output in it is awaited by `known`
 * @param answers outputs that a provider would make up
 * @param config  configuration, secrets included, without the project's prefix
 * @param functions what a provider would answer to questions, by token; any other is a fault
 */
export async function record<T>(
  program: () => T | Promise<T>,
  answers: Answers,
  config: Readonly<Record<string, string>> = {},
  functions: Functions = {},
): Promise<{ readonly result: T; readonly resources: readonly RecordedResource[] }> {
  const mocks: Mocks = {
    newResource: ({ type, name, inputs }: MockResourceArgs) => ({
      id: `${name}-id`,
      state: { ...(inputs as object), ...answers[type]?.(name) },
    }),
    call: ({ token, inputs }) => {
      const answer = functions[token];
      if (!answer) throw new Error(`the program calls ${token}; a preview must not ask anybody`);
      return { ...answer(inputs as Readonly<Record<string, unknown>>) };
    },
  };
  await runtime.setMocks(mocks, PROJECT, STACK);
  const records = noteEverything();
  runtime.setAllConfig(Object.fromEntries(Object.entries(config).map(([key, value]) => [`${PROJECT}:${key}`, value])));
  try {
    const result = await program();
    await runtime.disconnect();
    return { result, resources: [...records.requests].map(([request, urn]) => describe(request, urn, records)) };
  } finally {
    runtime.disconnectSync();
  }
}

function describe(request: RegisterResourceRequest, urn: string, { outputs }: Records): RecordedResource {
  const sent = request.getObject()?.toJavaScript() ?? {};
  return {
    type: request.getType(),
    name: request.getName(),
    urn,
    parent: request.getParent(),
    provider: request.getProvider(),
    sent,
    inputs: opened(sent) as Record<string, unknown>,
    isProtected: request.getProtect() === true,
    deleteBeforeReplace: request.getDeletebeforereplacedefined() ? request.getDeletebeforereplace() : undefined,
    replaceOnChanges: request.getReplaceonchangesList(),
    beforeCreate: request.getHooks()?.getBeforeCreateList() ?? [],
    aroundUpdate: {
      before: request.getHooks()?.getBeforeUpdateList() ?? [],
      after: request.getHooks()?.getAfterUpdateList() ?? [],
    },
    timeouts: {
      create: request.getCustomtimeouts()?.getCreate() ?? "",
      update: request.getCustomtimeouts()?.getUpdate() ?? "",
    },
    dependencies: request.getDependenciesList(),
    sources: sourcesOf(request),
    outputs: [...outputs].find(([urn]) => urn.endsWith(`${request.getType()}::${request.getName()}`))?.[1],
  };
}

function sourcesOf(request: RegisterResourceRequest): Readonly<Record<string, readonly string[]>> {
  const sources: Record<string, readonly string[]> = {};
  request.getPropertydependenciesMap().forEach((from, key) => {
    sources[key] = from.getUrnsList();
  });
  return sources;
}

/** Whether a sent value is a secret's envelope. */
export function isSecretEnvelope(value: unknown): value is { readonly value: unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).some(([key, sig]) => key === runtime.specialSigKey && sig === runtime.specialSecretSig)
  );
}

function opened(value: unknown): unknown {
  if (isSecretEnvelope(value)) return opened(value.value);
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, opened(inner)]));
}

/** The value of an Output, awaited. */
export function known<T>(value: Output<T>): Promise<T> {
  return new Promise((resolve) => {
    value.apply(resolve);
  });
}
