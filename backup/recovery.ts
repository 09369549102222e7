import { parseSegment, type Segment } from "./wal-segments.ts";

/** What the log of a recovering Postgres says of how far it is. */
export interface Recovery {
  /** Commit time of the last transaction that is in it. */
  reached: Date | undefined;
  /** Segments of WAL that were read, and the last of them. */
  segments: number;
  lastSegment: Segment | undefined;
  /** WAL was not what Postgres once wrote: it takes that for the end. */
  isDamaged: boolean;
  /** The archive ended before the target. */
  endedEarly: boolean;
  /** The target lies before the end of the backup. */
  tooEarly: boolean;
}

const REACHED = /last completed transaction was at log time (?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)\+00/;
const RESTORED = /restored log file "(?<name>[^"]+)" from archive/;
const DAMAGED = /incorrect resource manager data checksum|invalid magic number|could not decompress/;
const EARLY = /recovery ended before configured recovery target was reached/;
const INCONSISTENT = /requested recovery stop point is before consistent recovery point/;

/** Follows the log of a recovery, line by line; its clock is UTC. */
export function followRecovery(onSegment: (segments: number) => void): {
  readonly state: Recovery;
  readonly onLine: (line: string) => void;
} {
  const state: Recovery = {
    ...{ reached: undefined, segments: 0, lastSegment: undefined, isDamaged: false },
    ...{ endedEarly: false, tooEarly: false },
  };
  return {
    state,
    onLine: (line) => {
      const time = REACHED.exec(line)?.groups?.["time"];
      if (time !== undefined) state.reached = new Date(`${time.replace(" ", "T")}Z`);
      if (EARLY.test(line)) state.endedEarly = true;
      if (INCONSISTENT.test(line)) state.tooEarly = true;
      if (DAMAGED.test(line)) state.isDamaged = true;
      const segment = parseSegment(RESTORED.exec(line)?.groups?.["name"] ?? "");
      if (segment) {
        state.segments += 1;
        state.lastSegment = segment;
        onSegment(state.segments);
      }
    },
  };
}
