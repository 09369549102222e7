import type { Peers } from "../install.ts";
import type { Ours } from "../ours.ts";

/** What every part of the queue benchmark works with. */
export interface Context {
  readonly ours: Ours;
  readonly peers: Peers;
  /** Path of the worker's and the API's bundle. */
  readonly bundles: { readonly worker: string; readonly api: string };
  /** Shows what is measured now. */
  readonly say: (line: string) => void;
}
