import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../client.ts";
import { NotReady } from "../errors.ts";
import { setting, type Identity } from "../objects.ts";
import { explainPods } from "../pods.ts";
import { at, textAt, type JsonObject } from "../wire.ts";
import type { Judgement, Seen, Wait } from "./judgement.ts";
import { waitOf } from "./table.ts";

/** Seconds that an object may take to go, where nobody says otherwise. */
const GONE_SECONDS = 600;

/** Pause between two looks, in milliseconds. */
const PAUSE_MS = 500;

const POD = { apiVersion: "v1", kind: "Pod" };

export interface WaitOptions {
  /** Seconds that the program gives; 0 is the kind's own. An annotation `pulumi.com/timeoutSeconds` comes before it. */
  readonly seconds: number;
  /** Told what is waited for. */
  readonly onProgress: (what: string) => void;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/**
 * Waits until an object does its work; gives it as it is then.
 *
 * @throws NotReady with the reasons, those of its pods among them, when it cannot or does not in time
 */
export async function waitUntilReady(
  client: Client,
  identity: Identity,
  made: JsonObject,
  options: WaitOptions,
): Promise<JsonObject> {
  const wait = waitOf(identity);
  if (!wait || setting(made, "skipAwait") === "true") return made;
  const seconds = Number(setting(made, "timeoutSeconds") ?? 0) || options.seconds || wait.seconds;
  const begun = performance.now();
  let told = "";
  for (;;) {
    const seen = await look(client, identity, wait, begun);
    const judgement: Judgement = seen ? wait.judge(seen) : { is: "failed", reason: "it was deleted meanwhile" };
    if (judgement.is === "ready") return seen?.object ?? made;
    const late = performance.now() > begun + seconds * 1000;
    if (judgement.is === "failed" || late || options.signal.aborted) {
      const reason = judgement.is === "failed" ? judgement.reason : `waited ${seconds} s in vain for ${judgement.for}`;
      throw await failure(client, identity, seen, options.signal.aborted ? "the wait was interrupted" : reason);
    }
    if (judgement.for !== told) options.onProgress(`waiting for ${judgement.for}`);
    told = judgement.for;
    await sleep(PAUSE_MS);
  }
}

async function look(client: Client, identity: Identity, wait: Wait, begun: number): Promise<Seen | undefined> {
  const object = await client.get(identity);
  if (!object) return undefined;
  const seconds = (performance.now() - begun) / 1000;
  if (wait.related) return { object, pods: await wait.related(client, object), seconds };
  const selector = wait.selector?.(object) ?? {};
  const pods = Object.keys(selector).length > 0 ? await client.list(POD, identity.namespace ?? "", selector) : [];
  return { object, pods, seconds };
}

async function failure(client: Client, identity: Identity, seen: Seen | undefined, reason: string): Promise<NotReady> {
  const pods =
    identity.kind === "Pod" && seen
      ? [seen.object]
      : (seen?.pods ?? []).filter(({ kind }) => kind === undefined || kind === "Pod");
  const newest = [...pods].sort((a, b) => (age(a) < age(b) ? 1 : -1));
  const why = await explainPods(client, identity.namespace ?? "", newest);
  return new NotReady(`${identity.kind} ${identity.name}`, [reason, ...why]);
}

function age(object: JsonObject): string {
  return textAt(object, "metadata", "creationTimestamp") ?? "";
}

/**
 * Waits until an object is gone.
 *
 * @throws NotReady naming what holds it
 */
export async function waitUntilGone(
  client: Client,
  identity: Identity,
  uid: string | undefined,
  options: WaitOptions,
): Promise<void> {
  const seconds = options.seconds || GONE_SECONDS;
  options.onProgress("waiting for its end");
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const object = await client.get(identity);
    if (!object || (uid !== undefined && textAt(object, "metadata", "uid") !== uid)) return;
    if (performance.now() > deadline || options.signal.aborted) {
      const finalizers = JSON.stringify(at(object, ["metadata", "finalizers"]) ?? []);
      throw new NotReady(`${identity.kind} ${identity.name}`, [
        `is not gone after ${seconds} s; what holds it: finalizers ${finalizers}`,
      ]);
    }
    await sleep(PAUSE_MS);
  }
}
