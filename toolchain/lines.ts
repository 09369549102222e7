import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Where lines of a program in a container go. */
export interface Lines {
  readonly onLine: (line: string) => void;
  readonly onLogLine: (line: string) => void;
}

/** What a short program said and how it ended. */
export interface Output {
  /** Its standard output. */
  readonly output: string;
  readonly code: number;
}

/** A fault of whoever takes the lines is thrown on: the stream is read to its end all the same, so that nothing hangs. */
export async function each(stream: Readable, take: (line: string) => void): Promise<void> {
  const faults: unknown[] = [];
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    try {
      take(line);
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) throw faults[0];
}
