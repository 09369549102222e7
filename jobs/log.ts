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
];

/** When lines are written. */
export interface LogOptions {
  /**
   * Whether lines of one turn of the event loop are written together at its end: for a process that writes a line a request and
   * never blocks. Lines are lost only where the process is killed in the middle of a turn. @default false
   */
  readonly everyTurn?: boolean;
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
  return options.everyTurn === true ? pino(settings, everyTurn()) : pino(settings);
}

/** One write for the lines of many requests. */
function everyTurn(): DestinationStream {
  const stdout = pino.destination({ dest: 1, sync: true, minLength: 8192 });
  let scheduled = false;
  const flush = () => {
    scheduled = false;
    stdout.flushSync();
  };
  process.on("exit", flush);
  return {
    write: (line) => {
      stdout.write(line);
      if (scheduled) return;
      scheduled = true;
      setImmediate(flush);
    },
  };
}
