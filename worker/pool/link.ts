import { fork } from "node:child_process";
import { Worker } from "node:worker_threads";
import type { PoolKind } from "../../configs/worker-settings.ts";
import type { FromPlace, ToPlace } from "./messages.ts";

/** The wire to one place. */
export interface Link {
  /** For people: `process 4711` or `thread 3`. */
  readonly name: string;
  send(batch: readonly ToPlace[]): void;
  /** Ends it at once, with whatever it started. */
  kill(): void;
}

export interface LinkEvents {
  onBatch(batch: readonly FromPlace[]): void;
  /** What it printed to stderr. */
  onComplaint(text: string): void;
  /** Once, when it is gone. */
  onEnd(how: string): void;
}

/** What runs in a place. */
export interface PlaceProgram {
  /** A file. */
  readonly entry: string;
  /** Most that its JavaScript heap may take, in MiB. @default V8's own, some gigabytes */
  readonly heapMiB?: number | undefined;
}

/** Opens places of each kind of pool. */
export const OPEN_LINK = { process: openProcess, threads: openThread } as const satisfies Record<
  PoolKind,
  (program: PlaceProgram, events: LinkEvents) => Link
>;

/**
 * What a place may see of our environment: where programs, libraries and devices are, and where AWS's client finds S3 and credentials; no
 * credential itself.
 */
const PASSED_ON =
  /^(PATH|LANG|LC_\w+|TZ|TMPDIR|NODE_ENV|LD_LIBRARY_PATH|(CUDA|NVIDIA)_\w+|AWS_(REGION|ENDPOINT_URL_S3|CA_BUNDLE|SHARED_CREDENTIALS_FILE|CONTAINER_(CREDENTIALS_FULL_URI|AUTHORIZATION_TOKEN_FILE)))$/;

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)));
}

/** V8's stack of a process without memory is long; the reason is in its first lines. */
const COMPLAINT_CHARACTERS = 2000;

/**
 * A process of its own group: a Ctrl-C at the terminal reaches the worker alone, and with the place ends whatever it started.
 */
function openProcess({ entry, heapMiB }: PlaceProgram, events: LinkEvents): Link {
  const child = fork(entry, [], {
    detached: true,
    serialization: "advanced",
    stdio: ["ignore", "inherit", "pipe", "ipc"],
    env: environment(),
    execArgv: heapMiB === undefined ? [] : [`--max-old-space-size=${heapMiB}`],
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    events.onComplaint(text.slice(0, COMPLAINT_CHARACTERS));
  });
  child.on("message", (batch) => {
    // Our own program is at the other end, and it sends nothing else.
    events.onBatch(batch as readonly FromPlace[]);
  });
  let failure: Error | undefined;
  child.on("error", (error) => (failure = error));
  let ended = false;
  const end = (code: number | null, signal: NodeJS.Signals | null) => {
    if (ended) return;
    ended = true;
    endGroup(child.pid); // What it had started and left behind.
    events.onEnd(describeEnd(code, signal, failure));
  };
  child.once("exit", end);
  // A program that cannot be started has no exit.
  child.once("error", () => {
    if (child.pid === undefined) end(null, null);
  });
  return {
    name: `process ${child.pid ?? "that did not start"}`,
    send: (batch) => {
      if (child.connected) child.send([...batch], () => undefined); // One that is gone says so by its exit.
    },
    kill: () => {
      if (!ended) endGroup(child.pid);
    },
  };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null, failure: Error | undefined): string {
  if (signal === "SIGKILL") return "was ended by SIGKILL: by somebody, or by the kernel for want of memory";
  if (signal !== null) return `was ended by ${signal}`;
  if (code !== null)
    return code === 134 ? "ended with status 134 (SIGABRT, as for want of memory)" : `ended with status ${code}`;
  return `could not be started: ${failure?.message ?? "no reason given"}`;
}

function openThread({ entry, heapMiB }: PlaceProgram, events: LinkEvents): Link {
  const thread = new Worker(entry, {
    env: environment(),
    execArgv: [],
    argv: [],
    resourceLimits: heapMiB === undefined ? {} : { maxOldGenerationSizeMb: heapMiB },
  });
  let failure: unknown;
  thread.on("message", (batch: readonly FromPlace[]) => {
    events.onBatch(batch);
  });
  thread.on("error", (error: unknown) => {
    failure = error;
  });
  thread.once("exit", (code) => {
    const reason = failure instanceof Error ? `: ${failure.message}` : "";
    events.onEnd(`ended with status ${code}${reason}`);
  });
  return {
    name: `thread ${thread.threadId}`,
    send: (batch) => {
      thread.postMessage([...batch]);
    },
    kill: () => {
      void thread.terminate();
    },
  };
}
