import { writeSync } from "node:fs";
import { pino, type DestinationStream, type Logger, type LoggerOptions } from "pino";
import { MASK } from "../configs/secrets.ts";
import type { LogLevel, Program } from "../configs/runtime.ts";

export type { Logger } from "pino";

/** Paths that hold secrets wherever somebody logs a request or a configuration. */
const REDACTED = [
  "password",
  "*.password",
  "secrets",
  "*.secrets",
  "authorization",
  "headers.authorization",
  "headers.cookie",
  "*.headers.authorization",
  "*.headers.cookie",
  // The driver hangs its whole connection on an error, with the key that cancels a query.
  "err.client",
];

/** When lines are written. */
export interface LogOptions {
  /**
   * Whether lines of one turn of the event loop are written together at its end: for a process that writes a line a request and
   * never blocks. Lines are lost only where the process is killed in the middle of a turn. @default false
   */
  readonly everyTurn?: boolean;
  /** Whether standard output is for answers, and lines go to standard error. @default false */
  readonly onStderr?: boolean;
}

/** JSON lines on stdout, written at once: nothing is lost when the process dies. */
export function createLog(program: Program, level: LogLevel, options: LogOptions = {}): Logger {
  const settings: LoggerOptions = {
    level,
    base: { service: program, pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: MASK },
  };
  if (options.onStderr === true) return pino(settings, pino.destination({ dest: 2, sync: true }));
  return options.everyTurn === true ? pino(settings, everyTurn()) : pino(settings);
}

/** One write for the lines of many requests. Not pino's own buffer: emptying that one waits for a disk. */
function everyTurn(): DestinationStream {
  let lines = "";
  const flush = () => {
    const text = lines;
    lines = "";
    writeAll(Buffer.from(text));
  };
  process.on("exit", flush);
  return {
    write: (line) => {
      if (lines === "") setImmediate(flush);
      lines += line;
    },
  };
}

const STDOUT = 1;
/** Pause before a full pipe is tried again, in milliseconds. */
const FULL_PIPE_MS = 5;

/** Waits where nobody reads the pipe, as a line that is written at once does. */
function writeAll(bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(STDOUT, bytes, written);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
    }
  }
}
