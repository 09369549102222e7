import { Readable } from "node:stream";
import type { JobSnapshot } from "../../jobs/reads.ts";
import { RequestProblem } from "../problems.ts";
import { eventsAfter, hasEnded, writePlace, type EventPlace, type JobEvent } from "./derive.ts";
import type { Watcher } from "./watcher.ts";

/** A comment is sent this often, in milliseconds: whatever stands between sees that the stream lives. */
const HEARTBEAT_MS = 15_000;
/** How long a stream lasts at most, in milliseconds: the client comes back, with credentials that are good then. */
const LONGEST_MS = 3_600_000;
/** What may wait for a slow client, in bytes; what comes after is derived again once it has read. */
const MAX_WAITING_BYTES = 64 * 1024;
/** A client comes back a second after a stream has ended in the middle. */
const RETRY = "retry: 1000\n\n";

export interface StreamRequest {
  readonly tenant: string;
  /** Its tenant has been checked. */
  readonly job: JobSnapshot;
  /** What the client has seen. */
  readonly after: EventPlace;
  /** When the credentials end, in milliseconds since 1970. */
  readonly expiresAt: number | undefined;
}

/** Streams of server-sent events. */
export interface Streams {
  /**
   * Opens a stream that ends with the job.
   *
   * @throws RequestProblem `too-many-streams`
   */
  open(request: StreamRequest): Readable;
  readonly size: () => number;
  /** Ends every stream; clients resume at another process. */
  close(): Promise<void>;
}

/** How streams behave; tests have less time than clients. */
export interface StreamOptions {
  /** Streams that one tenant may hold open in this process. */
  readonly perTenant: number;
  /** Pause between signs of life, in milliseconds. A client that reads nothing from one to the next is cut. @default 15,000 */
  readonly heartbeatMs?: number;
}

export function createStreams(watcher: Watcher, { perTenant, heartbeatMs = HEARTBEAT_MS }: StreamOptions): Streams {
  const tenants = new Map<string, number>();
  const open = new Set<() => void>();
  return {
    open: (request) => {
      const { tenant } = request;
      const held = tenants.get(tenant) ?? 0;
      if (held >= perTenant) {
        throw new RequestProblem(
          "too-many-streams",
          `this tenant has ${held} event streams open, allowed: ${perTenant}`,
          {
            headers: { "retry-after": 5 },
          },
        );
      }
      tenants.set(tenant, held + 1);
      const { stream, leave } = openStream(watcher, request, heartbeatMs);
      open.add(leave);
      stream.once("close", () => {
        open.delete(leave);
        const left = (tenants.get(tenant) ?? 1) - 1;
        if (left === 0) tenants.delete(tenant);
        else tenants.set(tenant, left);
      });
      return stream;
    },
    size: () => open.size,
    close: async () => {
      for (const leave of open) leave();
      await watcher.close();
    },
  };
}

function openStream(watcher: Watcher, request: StreamRequest, heartbeatMs: number): Opened {
  const feed = new Feed(request);
  const { stream } = feed;
  const { tenant, job, expiresAt = Infinity } = request;
  const leave = () => {
    feed.leave();
  };
  const beat = () => {
    feed.beat();
  };
  const onSnapshot = (seen: JobSnapshot) => {
    feed.show(seen);
  };
  const fromAttempt = () => feed.attempt;
  const heartbeat = setInterval(beat, heartbeatMs);
  const longest = setTimeout(leave, Math.min(LONGEST_MS, Math.max(0, expiresAt - Date.now())));
  const stopWatching = hasEnded(job.state)
    ? undefined
    : watcher.watch({ id: job.id, tenant, fromAttempt, onSnapshot, onGone: leave });
  stream.once("close", () => {
    stopWatching?.();
    clearInterval(heartbeat);
    clearTimeout(longest);
  });
  return { stream, leave };
}

interface Opened {
  readonly stream: Readable;
  /** Ends it in the middle; the client comes back. */
  readonly leave: () => void;
}

/**
 * What is sent to one client. Events are derived from the newest look at the job when the client has room for them, not kept: a
 * slow client holds no more memory than a fast one, and a long life of a job is sent piece by piece.
 */
class Feed {
  readonly stream: Readable;
  #job: JobSnapshot;
  #place: EventPlace;
  #progress = "";
  #over = false;
  /** Whether the client has room for more. */
  #wanted = true;
  /** Bytes that waited at the last sign of life. */
  #waited = 0;

  constructor({ job, after }: StreamRequest) {
    this.#job = job;
    this.#place = after;
    const read = () => {
      this.#wanted = true;
      this.#fill();
    };
    this.stream = new Readable({ read, highWaterMark: MAX_WAITING_BYTES });
    this.#push(RETRY);
  }

  get attempt(): number {
    return this.#place.attempt;
  }

  show(job: JobSnapshot): void {
    this.#job = job;
    this.#fill();
  }

  /** A sign of life; a client that has read nothing since the last one is cut, and resumes where it was. */
  beat(): void {
    const waiting = this.stream.readableLength;
    if (waiting > 0 && waiting === this.#waited)
      this.stream.destroy(new Error("the client has read nothing for a while"));
    this.#waited = waiting;
    // Where something waits there is no need for more.
    if (waiting === 0) this.#push(": still here\n\n");
  }

  leave(): void {
    this.#push(RETRY);
    this.#end();
  }

  #fill(): void {
    if (!this.#wanted) return;
    for (const event of eventsAfter(this.#job, this.#place)) {
      const text = toText(event);
      if (event.place) this.#place = event.place;
      else if (text === this.#progress) continue;
      else this.#progress = text;
      if (!this.#push(text)) return;
    }
    if (hasEnded(this.#job.state)) this.#end();
  }

  /** @returns whether there is room for more */
  #push(text: string): boolean {
    if (!this.#over && !this.stream.destroyed) this.#wanted = this.stream.push(text);
    return this.#wanted;
  }

  #end(): void {
    if (!this.#over && !this.stream.destroyed) this.stream.push(null);
    this.#over = true;
  }
}

/** No field holds a line break: JSON writes them as \n. */
function toText({ place, type, data }: JobEvent): string {
  const id = place ? `id: ${writePlace(place)}\n` : "";
  return `${id}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
