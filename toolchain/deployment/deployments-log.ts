import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Folders } from "../folders.ts";

/** How a deployment ended. `interrupted`: its process was gone before it could say. */
export const OUTCOMES = ["succeeded", "failed", "interrupted"] as const;

/** One deployment, from the first check to the last. Times are ISO 8601 in UTC. */
export const deploymentSchema = z.object({
  /** Counts from 1 in each log. */
  number: z.int().positive(),
  /** The same everywhere, in the table too. */
  id: z.uuid(),
  /** Such as `make up` and `slipway rollback 3`. */
  command: z.string(),
  /** `user@host` */
  by: z.string(),
  /** Of the product, as it was asked for. */
  version: z.string(),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  /** The step that it was in last. */
  step: z.string().optional(),
  outcome: z.enum(OUTCOMES).optional(),
  /** Why it did not succeed. */
  reason: z.string().optional(),
  /** What API and workers run from, once that is known: an image's id on an engine, its name with a digest in a cluster. */
  images: z.object({ api: z.string(), worker: z.string() }).optional(),
  /** The migration that its code needs. */
  schemaNeeds: z.int().optional(),
  /** Level of the database before and after. */
  schemaBefore: z.int().optional(),
  schemaAfter: z.int().optional(),
  /** Label of the backup that was made before. */
  backup: z.string().optional(),
  /** The version that served at its end. */
  serving: z.string().optional(),
});
export type DeploymentRecord = z.infer<typeof deploymentSchema>;

/** A line: what became known of a deployment. */
const lineSchema = deploymentSchema.partial().required({ number: true });
export type DeploymentLine = z.infer<typeof lineSchema>;

/** Images that API and workers run from. */
export type ReleaseImages = NonNullable<DeploymentRecord["images"]>;

/**
 * What was deployed, by whom, and what came of it: `deployments.log` in the stack's folder of the state. Each line adds to what earlier ones
 * said of its number, and none is changed: whoever is killed has written down how far it came.
 */
export class DeploymentsLog {
  readonly path: string;

  constructor(stack: string, folders: Pick<Folders, "state">) {
    this.path = join(stackFolder(stack, folders), "deployments.log");
  }

  /** All of them, oldest first. A line that was cut off while it was written says nothing. */
  read(): readonly DeploymentRecord[] {
    if (!existsSync(this.path)) return [];
    return recordsOf(
      readFileSync(this.path, "utf8")
        .split("\n")
        .flatMap((text) => parseLine(text) ?? []),
    );
  }

  add(line: DeploymentLine): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    // Behind one that was cut off a line of its own begins.
    const isCut = existsSync(this.path) && !/(^|\n)$/.test(readFileSync(this.path, "utf8"));
    appendFileSync(this.path, `${isCut ? "\n" : ""}${JSON.stringify(line)}\n`, { mode: 0o600 });
  }
}

/** By when they began: what another machine deployed is learned of later, and its number may be a later one. */
export function inOrder(records: readonly DeploymentRecord[]): readonly DeploymentRecord[] {
  return records.toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt));
}

/** What lines say together, oldest first: each adds to what earlier ones said of its number. */
export function recordsOf(lines: readonly DeploymentLine[]): readonly DeploymentRecord[] {
  const known = new Map<number, DeploymentLine>();
  for (const line of lines) known.set(line.number, { ...known.get(line.number), ...line });
  return inOrder([...known.values()].flatMap((line) => deploymentSchema.safeParse(line).data ?? []));
}

/** The highest number; 0 where there is none. */
export function lastNumber(records: readonly DeploymentRecord[]): number {
  return Math.max(0, ...records.map(({ number }) => number));
}

/** Folder of a stack's log and lock in the state. */
export function stackFolder(stack: string, { state }: Pick<Folders, "state">): string {
  return join(state, "deployments", stack);
}

function parseLine(text: string): DeploymentLine | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** What is known of the release that runs from these images: the one that was deployed last. */
export function releaseOf(
  records: readonly DeploymentRecord[],
  { api, worker }: ReleaseImages,
): DeploymentRecord | undefined {
  return records.findLast(
    ({ outcome, images }) => outcome === "succeeded" && images?.api === api && images.worker === worker,
  );
}

/** One of them. @throws Error where the log has lost it */
export function recordOf(records: readonly DeploymentRecord[], number: number): DeploymentRecord {
  const record = records.find((one) => one.number === number);
  if (record === undefined) throw new Error(`The log has lost deployment ${number} while it ran.`);
  return record;
}

/** Releases that serve or were served by a deployment that succeeded, each once, newest first. */
export function releases(
  records: readonly DeploymentRecord[],
): readonly (DeploymentRecord & { readonly images: ReleaseImages })[] {
  const seen = new Set<string>();
  return records.toReversed().flatMap((record) => {
    const { images, outcome } = record;
    if (images === undefined || outcome !== "succeeded") return [];
    const key = `${images.api} ${images.worker}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [{ ...record, images }];
  });
}

/** The newest of them that serves these images. Of workers that are scaled to none, nothing can be told. */
export function releaseThatServes(records: readonly DeploymentRecord[], { api, worker }: ReleaseImages) {
  return releases(records).find(({ images }) => images.api === api && (worker === "none" || images.worker === worker));
}

/** The images of the deployment that comes to its end, and of those that can be gone back to from it. */
export function releasesToKeep(
  records: readonly DeploymentRecord[],
  number: number,
  keep: number,
): readonly ReleaseImages[] {
  const own = recordOf(records, number).images;
  const before = releases(records).map(({ images }) => images);
  const others = before.filter(({ api, worker }) => api !== own?.api || worker !== own.worker);
  return [...(own === undefined ? [] : [own]), ...others.slice(0, keep)];
}
