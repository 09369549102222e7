import type { ListResult } from "../../backup/protocol.ts";
import type { HealthSettings } from "../../configs/health-settings.ts";
import type { Opened } from "../sight/open-sight.ts";
import type { Sight } from "../sight/sight.ts";
import type { StackFile } from "../stack-file.ts";
import { askJobStore, type JobStore } from "./job-store.ts";
import { askSummary, type Summary } from "./services.ts";

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
  /** What Postgres itself says, asked once; `undefined` where it is no container of the stack. */
  readonly jobStore: () => Promise<JobStore | undefined>;
  /** What the API says of what it needs, asked once. */
  readonly summary: () => Promise<Summary>;
  readonly now: Date;
}

export interface WorldArgs extends Pick<World, "stack" | "settings" | "url" | "backups"> {
  readonly opened: Pick<Opened, "sight" | "outputs">;
  readonly file: StackFile;
}

/** Where several checks look at one answer, whoever comes first asks for it. */
export function worldOf({ opened: { sight, outputs }, file, url, ...given }: WorldArgs): World {
  return {
    ...given,
    ...{ sight, url, publicUrl: outputs.url, engine: file.speechEngine, now: new Date() },
    jobStore: once(() => askJobStore({ sight })),
    summary: once(() => askSummary(url)),
  };
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => (asked ??= ask());
}
