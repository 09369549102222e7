import type { Host } from "../platforms/host.ts";
import type { Stack } from "../stack.ts";
import type { Attempt } from "./attempt.ts";
import type { Looked } from "./operate.ts";

/** A deploy under way, for what is done besides. */
export interface Underway {
  readonly stack: Stack;
  readonly host: Host;
  readonly entry: Attempt;
  /** How the stack stood from within before anything was changed. */
  readonly looked: Looked;
}
