import { EXIT } from "../../backup/protocol.ts";
import { UserError, wasInterrupted } from "../../toolchain/command.ts";
import { secondsOf } from "../duration.ts";
import {
  formatLogLine,
  isWanted,
  LEVELS,
  readLogLine,
  type Level,
  type LineFilter,
  type ReadLine,
} from "../log-line.ts";
import { runOps, type Asked } from "../run-ops.ts";
import { openSight } from "../sight/open-sight.ts";

const OPTIONS = {
  since: { type: "string", default: "10m" },
  follow: { type: "boolean", default: false },
  level: { type: "string" },
  job: { type: "string" },
} as const;

/** How whatever is told to end does. */
const INTERRUPTED = 130;

export function run(): Promise<void> {
  return runOps({
    name: "logs",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "shows what all containers of a stack wrote, merged by time. With --json a JSON document a line, as it was written.",
    options: OPTIONS,
    optionLines: [
      "SERVICE        of one service alone: api, worker-cpu, postgres",
      "--since 10m    from so long ago on: 30s, 10m, 2h, 1d; default 10m",
      "--follow       goes on with lines that come, until ^C",
      `--level error  of this level and above: ${LEVELS.join(", ")}`,
      "--job ID       those that name a job",
    ],
    examples: [
      "./slipway logs worker-cpu --since 1h",
      "./slipway logs --level error --follow",
      "./slipway logs --job 7261",
    ],
    words: 1,
    run: show,
  });
}

async function show({ stack, platform, values, words: [service], steps }: Asked<typeof OPTIONS>): Promise<undefined> {
  const filter = { ...levelOf(values.level), ...jobOf(values.job) };
  const sinceSeconds = secondsOf("--since", values.since);
  const { sight } = await openSight(stack, platform, steps);
  const write = (line: ReadLine) => process.stdout.write(values.json ? rawLine(line) : formatLogLine(line, stack));
  const lines: ReadLine[] = [];
  const isFollowed = values.follow;
  await sight.logs({ ...(service !== undefined && { service }), sinceSeconds, isFollowed }, (line) => {
    const read = readLogLine(line);
    if (!isWanted(read, filter)) return;
    // What comes later comes in its order.
    if (isFollowed) write(read);
    else lines.push(read);
  });
  for (const line of lines.sort((a, b) => (a.time < b.time ? -1 : 1))) write(line);
  if (wasInterrupted()) process.exitCode = INTERRUPTED;
  return undefined;
}

function rawLine({ time, service, name, level, text }: ReadLine): string {
  return `${JSON.stringify({ time, service, name, level, line: text })}\n`;
}

function levelOf(text: string | undefined): Pick<LineFilter, "level"> {
  if (text === undefined) return {};
  if (!isLevel(text))
    throw new UserError(`--level is ${JSON.stringify(text)}, must be one of ${LEVELS.join(", ")}.`, EXIT.usage);
  return { level: text };
}

function isLevel(text: string): text is Level {
  return (LEVELS as readonly string[]).includes(text);
}

function jobOf(text: string | undefined): Pick<LineFilter, "job"> {
  if (text === undefined) return {};
  if (!/^\d{1,20}$/.test(text))
    throw new UserError(`--job is ${JSON.stringify(text)}, must be the id of a job: digits alone.`, EXIT.usage);
  return { job: text };
}
