import type { ListResult } from "../../backup/protocol.ts";
import type { HealthSettings } from "../../configs/health-settings.ts";
import type { Sight } from "../sight/sight.ts";

/** What the checks look at. */
export interface World {
  readonly stack: string;
  readonly sight: Sight;
  readonly settings: HealthSettings;
  /** Where this machine reaches the API. */
  readonly url: string;
  /** Where others do. */
  readonly publicUrl: string;
  /** Speech engine of the workers, by the stack's file. */
  readonly engine: string;
  /** The agent's list; `undefined` where the platform backs up itself. */
  readonly backups: (() => Promise<ListResult>) | undefined;
  readonly now: Date;
}
