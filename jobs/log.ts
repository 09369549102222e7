import { pino, type Logger } from "pino";
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

/** JSON lines on stdout, written at once: nothing is lost when the process dies. */
export function createLog(program: Program, level: LogLevel): Logger {
  return pino({
    level,
    base: { service: program, pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: MASK },
  });
}
