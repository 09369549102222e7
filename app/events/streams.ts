import { Readable } from "node:stream";
import type { JobSnapshot } from "../../jobs/reads.ts";
import { RequestProblem } from "../problems.ts";
import { eventsAfter, hasEnded, writePlace, type EventPlace, type JobEvent } from "./derive.ts";
import type { Watcher } from "./watcher.ts";

const HEARTBEAT_MS = 15_000;
/** How long a stream lasts at most, in milliseconds: the client comes back, with credentials that are good then. */
const LONGEST_MS = 3_600_000;
/** What may wait for a slow client, in bytes; then it is cut, and resumes where it was. */
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

/** @param perTenant streams that one tenant may hold open in this process */
export function createStreams(watcher: Watcher, perTenant: number): Streams {
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
      const { stream, leave } = openStream(watcher, request);
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

function openStream(watcher: Watcher, request: StreamRequest): Opened {
  const line = createLine();
  let place = request.after;
  let progress = "";
  function show(job: JobSnapshot): void {
    for (const event of eventsAfter(job, place)) {
      const text = toText(event);
      if (event.place) place = event.place;
      else if (text === progress) continue;
      else progress = text;
      line.send(text);
    }
    if (hasEnded(job.state)) line.end();
  }
  const leave = () => {
    line.send(RETRY);
    line.end();
  };
  line.send(RETRY);
  show(request.job);
  if (!hasEnded(request.job.state)) {
    const { tenant, job, expiresAt = Infinity } = request;
    const stopWatching = watcher.watch({
      id: job.id,
      tenant,
      fromAttempt: () => place.attempt,
      onSnapshot: show,
      onGone: leave,
    });
    const heartbeat = setInterval(line.send, HEARTBEAT_MS, ": still here\n\n");
    const longest = setTimeout(leave, Math.min(LONGEST_MS, Math.max(0, expiresAt - Date.now())));
    line.stream.once("close", () => {
      stopWatching();
      clearInterval(heartbeat);
      clearTimeout(longest);
    });
  }
  return { stream: line.stream, leave };
}

interface Opened {
  readonly stream: Readable;
  /** Ends it in the middle; the client comes back. */
  readonly leave: () => void;
}

/** What is sent to one client. Once it has ended, or the client is too slow, nothing more is sent. */
function createLine() {
  const stream = new Readable({ read: () => undefined, highWaterMark: MAX_WAITING_BYTES });
  let over = false;
  return {
    stream,
    send: (text: string) => {
      if (over || stream.destroyed) return;
      stream.push(text);
      if (stream.readableLength <= MAX_WAITING_BYTES) return;
      over = true;
      stream.destroy(new Error("the client reads too slowly"));
    },
    end: () => {
      if (!over && !stream.destroyed) stream.push(null);
      over = true;
    },
  };
}

/** No field holds a line break: JSON writes them as \n. */
function toText({ place, type, data }: JobEvent): string {
  const id = place ? `id: ${writePlace(place)}\n` : "";
  return `${id}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
