import { UserError } from "../../toolchain/command.ts";
import type { Output } from "../../toolchain/lines.ts";

/** How a container stands. `starting`: it runs, and is not ready yet. */
export type Standing = "ready" | "starting" | "unhealthy" | "stopped";

/** A container of a stack that is to run on, as its platform tells of it. */
export interface Seen {
  readonly service: string;
  /** Its container's, or its pod's. */
  readonly name: string;
  /** Digest or id of its image, else its name. */
  readonly image: string;
  readonly standing: Standing;
  /** Why it is not ready, where the platform says. */
  readonly reason?: string;
  /** Times that it was started again. */
  readonly restarts: number;
  /** When it was started last, ISO 8601. */
  readonly since?: string;
}

/** What a container takes of what it may take. */
export interface Usage {
  readonly name: string;
  readonly cpuPercent: number;
  readonly memoryPercent: number;
}

/** A line that a container wrote. */
export interface LogLine {
  /** ISO 8601, as the platform took it. */
  readonly time: string;
  readonly service: string;
  readonly name: string;
  readonly text: string;
}

export interface LogQuestion {
  /** @default all of them */
  readonly service?: string;
  readonly sinceSeconds: number;
  /** Whether lines that come later are waited for, until this process is told to end. */
  readonly isFollowed: boolean;
}

/** A stack as one looks at it, wherever it stands. Nothing is changed by it. */
export interface Sight {
  containers(): Promise<readonly Seen[]>;
  /** Containers that there should be, by service. */
  wanted(): Promise<Readonly<Record<string, number>>>;
  /** `undefined` where nobody measures. */
  usage(): Promise<readonly Usage[] | undefined>;
  /** Runs a script of bash in a container of a service; `undefined` where none of it runs. */
  run(service: string, script: string): Promise<Output | undefined>;
  /** Hands on lines, those of each container in their order. */
  logs(question: LogQuestion, take: (line: LogLine) => void): Promise<void>;
  /** What a person types to see why a container does not run. */
  readonly hint: (name: string) => string;
}

/** Whole percent; 0 where there is no limit. */
export function percentOf(part: number, limit: number): number {
  return limit > 0 ? Math.round((part / limit) * 100) : 0;
}

/** A line as both platforms give it: a time, a space, the text. */
export function timedLine(line: string): Pick<LogLine, "time" | "text"> | undefined {
  const space = line.indexOf(" ");
  const time = line.slice(0, space);
  return /^\d{4}-\d\d-\d\dT/.test(time) ? { time, text: line.slice(space + 1) } : undefined;
}

/** There is nothing to read logs of. */
export function noneOf(stack: string, service: string | undefined): UserError {
  return new UserError(
    `The stack ${stack} has no container${service === undefined ? "" : ` of ${JSON.stringify(service)}`}. ` +
      `What there is: ./slipway status --stack ${stack}`,
  );
}
