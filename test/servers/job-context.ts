import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { Artifact } from "../../jobs/job.ts";
import type { JobContext, Member, NewArtifact, Progress, Upkeep } from "../../jobs/kind.ts";
import type { SpeechEngine } from "../../jobs/speech-engine.ts";
import { createTestLog } from "./stack.ts";

/** What a handler is given in a test, and what it did with it. */
export interface TestContext extends JobContext {
  /** Files that it saved, read to their end. */
  readonly saved: { readonly mediaType: string; readonly extension: string; readonly content: Buffer }[];
  readonly told: Progress[];
}

export interface TestContextOptions {
  /** Of the batch that it aggregates. @default none */
  readonly members?: readonly Member[];
  /** Contents of artifacts, by key. @default none */
  readonly files?: ReadonlyMap<string, Buffer>;
  /** @default an engine that says nothing */
  readonly speech?: SpeechEngine;
  readonly signal?: AbortSignal;
  readonly upkeep?: Upkeep;
}

const SILENT: SpeechEngine = {
  name: "silent",
  speak: async () => new Uint8Array(),
  check: async () => undefined,
};

/** A context for the handler of a kind, without a worker. */
export function createTestContext(options: TestContextOptions = {}): TestContext {
  const { members = [], files = new Map<string, Buffer>(), speech = SILENT, signal, upkeep } = options;
  const saved: TestContext["saved"] = [];
  const told: Progress[] = [];
  return {
    jobId: "1",
    attempt: 1,
    signal: signal ?? new AbortController().signal,
    log: createTestLog().log,
    engines: { speech },
    saveArtifact: async ({ mediaType, extension, content }: NewArtifact) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of content instanceof Uint8Array ? [content] : content) chunks.push(chunk);
      saved.push({ mediaType, extension, content: Buffer.concat(chunks) });
    },
    progress: (progress) => told.push(progress),
    members: async function* () {
      yield* members;
    },
    readArtifact: async ({ key }) => {
      const content = files.get(key);
      if (!content) throw new Error(`artifact ${key} is not in the object store`);
      return Readable.from([content]);
    },
    saved,
    told,
    ...(upkeep && { upkeep }),
  };
}

/** An artifact of a member, as the store describes it. */
export function artifactOf(key: string, content: Buffer, mediaType = "application/octet-stream"): Artifact {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { key, mediaType, bytes: content.length, sha256 };
}

/** A member of a batch that succeeded, unless told otherwise. */
export function memberOf(position: number, rest: Partial<Member> = {}): Member {
  const base = {
    kind: "sum",
    state: "succeeded",
    params: {},
    result: null,
    error: undefined,
    artifact: undefined,
  } as const;
  return { jobId: String(100 + position), position, ...base, ...rest };
}
