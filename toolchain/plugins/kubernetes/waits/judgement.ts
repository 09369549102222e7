import type { Client } from "../client.ts";
import type { JsonObject } from "../wire.ts";

/** What an object says of itself. */
export type Judgement =
  | { readonly is: "ready" }
  /** Not yet; in words. */
  | { readonly is: "waiting"; readonly for: string }
  /** It will not become ready by waiting. */
  | { readonly is: "failed"; readonly reason: string };

/** What is known when an object is judged. */
export interface Seen {
  readonly object: JsonObject;
  /** Pods that belong to it. */
  readonly pods: readonly JsonObject[];
  /** How long it has been waited for. */
  readonly seconds: number;
}

/** How to wait for one kind of object. */
export interface Wait {
  /** Seconds until it must be ready, where nobody says otherwise. */
  readonly seconds: number;
  /** Whether its pods are looked at, and by which labels. */
  readonly selector?: (object: JsonObject) => Readonly<Record<string, string>>;
  /** What else is asked of the cluster; stands in for pods. */
  readonly related?: (client: Client, object: JsonObject) => Promise<readonly JsonObject[]>;
  /** Pure. */
  readonly judge: (seen: Seen) => Judgement;
}

export const READY: Judgement = { is: "ready" };

export function waiting(reason: string): Judgement {
  return { is: "waiting", for: reason };
}

export function failed(reason: string): Judgement {
  return { is: "failed", reason };
}
