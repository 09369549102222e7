import type { Client } from "./client.ts";
import { UnknownKind } from "./client.ts";
import { isSpent, judge, lookAhead, type Difference } from "./diff.ts";
import { isNotFound, NotReady } from "./errors.ts";
import { fromId, idOf, isList, kindOf, kindOfToken, tokenOf, withName, type Identity } from "./objects.ts";
import { checkpoint, fieldManagerOf, identify, isForced, type Session } from "./session.ts";
import { waitUntilGone, waitUntilReady } from "./waits/wait.ts";
import {
  at,
  equal,
  isArray,
  isObject,
  textAt,
  type Decoded,
  type Json,
  type JsonObject,
  type Path,
  without,
} from "./wire.ts";

/** What is asked of one resource. */
export interface Ask {
  readonly urn: string;
  /** Seconds that the program gives; 0 leaves it to the kind. */
  readonly seconds: number;
}

/** A resource as it is. */
export interface Made {
  readonly id: string;
  readonly state: JsonObject;
}

/** Made, and not ready: what it is belongs into the state all the same. */
export class InitFailed extends Error {
  readonly made: Made;
  readonly reasons: readonly string[];

  constructor({ message, reasons }: NotReady, made: Made) {
    super(message);
    this.name = "InitFailed";
    this.made = made;
    this.reasons = reasons;
  }
}

/** Completes what the program asks for: a name, and a namespace where the kind has them. */
export async function check(
  session: Session,
  urn: string,
  logicalName: string,
  { value: asked }: Decoded,
  old: JsonObject | undefined,
  seed: Uint8Array,
): Promise<JsonObject> {
  const kind = kindOf(asked, urn);
  if (isList(kind)) throw new Error(`${kind.kind} holds many objects; Pulumi manages each as a resource of its own.`);
  const named = withName({ ...kind, ...asked }, logicalName, old, seed);
  const metadata = at(named, ["metadata"]);
  if (!isObject(metadata) || metadata["namespace"] !== undefined || !session.client) return named;
  // Nobody can tell yet where a kind is not defined; the update finds the namespace itself then.
  const namespaced = await session.client.isNamespaced(kind).catch((error: unknown) => {
    if (error instanceof UnknownKind) return false;
    throw error;
  });
  return namespaced ? { ...named, metadata: { ...metadata, namespace: session.settings.namespace } } : named;
}

export async function diff(
  session: Session,
  urn: string,
  before: JsonObject,
  after: Decoded,
  state: JsonObject,
  ignored: readonly Path[],
): Promise<Difference> {
  const kind = kindOf(after.value, urn);
  const nothing = { live: undefined, predicted: undefined, immutable: false };
  const sent = without(after.value, ignored);
  const isSame = textAt(before, "metadata", "name") === textAt(sent, "metadata", "name");
  const canAsk = after.unknowns.length === 0 && isSame ? session.client : undefined;
  const ahead = canAsk ? await askAhead(session, canAsk, urn, sent, state) : nothing;
  return judge({
    kind,
    before: without(before, ignored),
    after: sent,
    unknowns: after.unknowns,
    spent: isSpent(sent, ahead.live),
    ...ahead,
  });
}

async function askAhead(session: Session, client: Client, urn: string, object: JsonObject, state: JsonObject) {
  try {
    const identity = await identify(client, object, urn, session.settings.namespace);
    return await lookAhead(client, identity, object, fieldManagerOf(urn, state));
  } catch (error) {
    if (error instanceof UnknownKind) return { live: undefined, predicted: undefined, immutable: false };
    throw error;
  }
}

/** What an object would be, for a preview: nothing is changed, and what the server would refuse is refused. */
export async function preview(session: Session, { urn }: Ask, asked: Decoded, old?: JsonObject): Promise<JsonObject> {
  const { client, settings } = session;
  if (!client || asked.unknowns.length > 0) return asked.value;
  try {
    const identity = await identify(client, asked.value, urn, settings.namespace);
    const fieldManager = fieldManagerOf(urn, old);
    const options = { fieldManager, force: isForced(asked.value), dryRun: true };
    return checkpoint(await client.apply(identity, asked.value, options), fieldManager);
  } catch (error) {
    // Its namespace or its kind's definition may be made by the same update.
    if (error instanceof UnknownKind || isNotFound(error)) return asked.value;
    throw error;
  }
}

/** Makes an object, or brings it to what is asked for, and waits until it does its work. */
export async function apply(session: Session, ask: Ask, object: JsonObject, old?: JsonObject): Promise<Made> {
  const client = clientOf(session);
  const identity = await identify(client, object, ask.urn, session.settings.namespace);
  const fieldManager = fieldManagerOf(ask.urn, old);
  const made = await client.apply(identity, object, { fieldManager, force: isForced(object), dryRun: false });
  const id = idOf(identity);
  try {
    const ready = await waitUntilReady(client, identity, made, waitOptions(session, ask));
    return { id, state: checkpoint(ready, fieldManager) };
  } catch (error) {
    if (!(error instanceof NotReady)) throw error;
    const now = (await client.get(identity).catch(() => undefined)) ?? made;
    throw new InitFailed(error, { id, state: checkpoint(now, fieldManager) });
  }
}

export async function remove(session: Session, ask: Ask, id: string, state: JsonObject): Promise<void> {
  const client = clientOf(session);
  const uid = textAt(state, "metadata", "uid");
  try {
    const identity = await identityOf(client, ask.urn, id, state);
    await client.remove(identity, uid);
    await waitUntilGone(client, identity, uid, waitOptions(session, ask));
  } catch (error) {
    // Gone is what was asked for; with its definition, all objects of a kind are gone.
    if (isNotFound(error) || error instanceof UnknownKind) return;
    throw error;
  }
}

/** The object as it is, and of it what the program asks for; nothing where it is gone. */
export async function read(
  session: Session,
  urn: string,
  id: string,
  inputs: JsonObject,
  state: JsonObject,
): Promise<(Made & { readonly inputs: JsonObject }) | undefined> {
  const client = clientOf(session);
  try {
    const identity = await identityOf(client, urn, id, state);
    const live = await client.get(identity);
    if (!live) return undefined;
    const fieldManager = fieldManagerOf(urn, state);
    const made = { id, state: checkpoint(live, fieldManager) };
    if (Object.keys(inputs).length === 0) return { ...made, inputs: manifestOf(live) };
    // What the server makes of the inputs: 1000m is 1 to it, and no drift.
    const { predicted } = await lookAhead(client, identity, inputs, fieldManager);
    return { ...made, inputs: ownedBy(inputs, live, predicted ?? {}) };
  } catch (error) {
    if (error instanceof UnknownKind) return undefined;
    throw error;
  }
}

async function identityOf(client: Client, urn: string, id: string, state: JsonObject): Promise<Identity> {
  const kind = textAt(state, "kind") === undefined ? kindOfToken(tokenOf(urn)) : kindOf(state, urn);
  const { namespace, name } = fromId(id);
  if (!(await client.isNamespaced(kind))) return { ...kind, name };
  return { ...kind, name, namespace: namespace ?? "default" };
}

/** The inputs as the live object has them: a part that is as they would make it stays as it was written. */
export function ownedBy(inputs: JsonObject, live: JsonObject, predicted: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([key, asked]): [string, Json][] => {
      if (asked === undefined) return [];
      if (key === "stringData" && isObject(asked)) return [[key, plainData(asked, live, predicted)]];
      const item = ownedItem(asked, live[key], predicted[key]);
      return item === undefined ? [] : [[key, item]];
    }),
  );
}

function ownedItem(asked: Json, is: Json | undefined, predicted: Json | undefined): Json | undefined {
  if (is === undefined) return undefined;
  if (equal(is, predicted)) return asked;
  if (isObject(asked) && isObject(is)) return ownedBy(asked, is, isObject(predicted) ? predicted : {});
  if (isArray(asked) && isArray(is) && asked.length === is.length)
    return is.map(
      (item, index) => ownedItem(asked[index] ?? null, item, isArray(predicted) ? predicted[index] : undefined) ?? null,
    );
  return is;
}

/** A Secret's texts are written in clear, and kept encoded. */
function plainData(asked: JsonObject, live: JsonObject, predicted: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(asked).flatMap(([key, text]): [string, Json][] => {
      const [is, expected] = [textAt(live, "data", key), textAt(predicted, "data", key)];
      if (is === undefined || text === undefined) return [];
      return [[key, is === expected ? text : Buffer.from(is, "base64").toString()]];
    }),
  );
}

/** A live object as a program would write it. */
function manifestOf(live: JsonObject): JsonObject {
  const metadata = at(live, ["metadata"]);
  const own = ["name", "namespace", "labels", "annotations"];
  const kept = Object.entries(isObject(metadata) ? metadata : {}).filter(([key]) => own.includes(key));
  return { ...without(live, [["status"]]), metadata: Object.fromEntries(kept) };
}

function clientOf({ client }: Session): Client {
  if (client) return client;
  throw new Error("kubeconfig of the provider is not known, so there is no cluster to change.");
}

function waitOptions({ log, cancelled }: Session, { urn, seconds }: Ask) {
  const onProgress = (what: string) => {
    log.progress(urn, what);
  };
  return { seconds, onProgress, signal: cancelled };
}
