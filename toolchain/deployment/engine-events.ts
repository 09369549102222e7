import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { z } from "zod";

const step = z.looseObject({
  metadata: z.looseObject({ op: z.string(), urn: z.string(), type: z.string() }),
});

/** An event of Pulumi's engine, as far as it is looked at; `@pulumi/pulumi/automation/events` has all of it. */
const eventSchema = z.looseObject({
  resourcePreEvent: step.optional(),
  resOutputsEvent: step.optional(),
  resOpFailedEvent: step.optional(),
  diagnosticEvent: z.looseObject({ urn: z.string().optional(), message: z.string(), severity: z.string() }).optional(),
});
export type EngineEvent = z.infer<typeof eventSchema>;

/** How often the log is looked at while Pulumi writes it, in milliseconds. */
const LOOK_EVERY_MS = 200;

/**
 * Hands events on while Pulumi writes them, and the last of them before it gives what the work came to.
 *
 * @param work is given the path for `--event-log`; secrets are masked in it by the engine, and it is removed at the end
 */
export async function followEvents<T>(
  take: (event: EngineEvent) => void,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-events-"));
  const log = new GrowingLog(join(folder, "events.jsonl"), (line) => {
    const event = parseEvent(line);
    if (event !== undefined) take(event);
  });
  const timer = setInterval(() => {
    log.read();
  }, LOOK_EVERY_MS);
  try {
    return await work(log.path);
  } finally {
    clearInterval(timer);
    log.read();
    rmSync(folder, { recursive: true });
  }
}

/** A line of the log; nothing where it is none that is known, as a newer engine's may be. */
export function parseEvent(line: string): EngineEvent | undefined {
  try {
    return eventSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** A file that somebody else appends lines to. */
class GrowingLog {
  readonly path: string;
  readonly #take: (line: string) => void;
  readonly #decoder = new StringDecoder("utf8");
  readonly #buffer = Buffer.alloc(64 * 1024);
  #at = 0;
  #rest = "";

  constructor(path: string, take: (line: string) => void) {
    this.path = path;
    this.#take = take;
  }

  /** Takes the lines that have become whole. */
  read(): void {
    if (!existsSync(this.path)) return;
    const file = openSync(this.path, "r");
    try {
      for (;;) {
        const bytes = readSync(file, this.#buffer, 0, this.#buffer.length, this.#at);
        if (bytes === 0) return;
        this.#at += bytes;
        const lines = (this.#rest + this.#decoder.write(this.#buffer.subarray(0, bytes))).split("\n");
        this.#rest = lines.pop() ?? "";
        lines.forEach(this.#take);
      }
    } finally {
      closeSync(file);
    }
  }
}
