import type { ServedApi } from "./aggregation.ts";
import type { Daemon } from "./daemon.ts";

/** Something beside the cluster that comes to its API once it is there. */
export interface AddOn {
  /** Folder of the definitions of its kinds, which must be there when its programs start. */
  readonly definitions?: string;
  /** Other objects that its programs need. */
  readonly objects: readonly object[];
  /** Parts of the API that its programs answer. */
  readonly apis: readonly ServedApi[];
  readonly daemons: readonly Daemon[];
}
