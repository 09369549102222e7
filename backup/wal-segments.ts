/** A name of WAL: timeline, and the number of the segment in it. */
export interface Segment {
  readonly timeline: number;
  readonly number: number;
}

/** Segments of 16 MiB in 4 GiB, as file names count them. */
const SEGMENTS_PER_LOG = 256;
const SEGMENT_BYTES = 16_777_216n;

const NAME = /^(?<timeline>[0-9A-F]{8})(?<log>[0-9A-F]{8})(?<part>[0-9A-F]{8})(?:-[0-9a-f]{40}(?:\.\w+)?)?$/;

/** Reads the name of a segment, with or without what pgBackRest hangs on it; none where it is something else. */
export function parseSegment(name: string): Segment | undefined {
  const groups = NAME.exec(name)?.groups;
  if (!groups) return undefined;
  const hex = (part: string | undefined) => Number.parseInt(part ?? "", 16);
  return { timeline: hex(groups["timeline"]), number: hex(groups["log"]) * SEGMENTS_PER_LOG + hex(groups["part"]) };
}

/** Name of a segment, as Postgres has it. */
export function segmentName({ timeline, number }: Segment): string {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
  return `${hex(timeline)}${hex(Math.floor(number / SEGMENTS_PER_LOG))}${hex(number % SEGMENTS_PER_LOG)}`;
}

/** A position in WAL such as `0/5000120`, as a number of bytes. */
export function parseLsn(lsn: string): bigint {
  const [high = "0", low = "0"] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** Number of the segment that a position lies in. */
export function segmentOf(position: bigint): number {
  return Number(position / SEGMENT_BYTES);
}

/** Where a timeline began: its parent, and the position at which it left it. */
export interface Branch {
  readonly timeline: number;
  readonly parent: number;
  readonly position: bigint;
}

/** Reads a history file: the last line is the parent that the timeline left, and where. */
export function parseHistory(timeline: number, text: string): Branch | undefined {
  const last = text
    .split("\n")
    .map((line) => /^\s*(?<parent>\d+)\s+(?<lsn>[0-9A-F]+\/[0-9A-F]+)/.exec(line)?.groups)
    .filter((groups) => groups !== undefined)
    .at(-1);
  return last && { timeline, parent: Number(last["parent"]), position: parseLsn(last["lsn"] ?? "0/0") };
}

/** A range of segments of one timeline that ought to be there and is not. */
export interface Gap {
  readonly timeline: number;
  readonly first: number;
  readonly last: number;
}

/**
 * What is missing in an archive: on each timeline, between the first segment that is needed and the last that is there.
 *
 * @param needed segments that have to be there in any case, such as those of backups, and the last that Postgres archived
 */
export function findGaps(
  present: readonly Segment[],
  branches: readonly Branch[],
  needed: readonly (readonly [first: Segment, last: Segment])[],
): Gap[] {
  const timelines = new Set([...present, ...needed.map(([first]) => first)].map(({ timeline }) => timeline));
  return [...timelines].sort((a, b) => a - b).flatMap((timeline) => gapsOf(timeline, present, branches, needed));
}

function gapsOf(
  timeline: number,
  present: readonly Segment[],
  branches: readonly Branch[],
  needed: readonly (readonly [first: Segment, last: Segment])[],
): Gap[] {
  const there = new Set(present.filter((segment) => segment.timeline === timeline).map(({ number }) => number));
  const spans = needed.filter(([first]) => first.timeline === timeline);
  const branch = branches.find((candidate) => candidate.timeline === timeline);
  // A timeline that began in a restore begins with the segment that it left its parent in, as long as a backup of a parent is kept.
  const isReachedFromParent = branch !== undefined && needed.some(([first]) => first.timeline < timeline);
  const starts = [
    ...spans.map(([begin]) => begin.number),
    ...(isReachedFromParent ? [segmentOf(branch.position)] : []),
  ];
  // Not spread into arguments: an archive of four weeks has a hundred thousand.
  const first = (starts.length > 0 ? starts : [...there]).reduce((a, b) => Math.min(a, b), Infinity);
  const last = [...there, ...spans.map(([, end]) => end.number)].reduce((a, b) => Math.max(a, b), -1);
  const gaps: Gap[] = [];
  for (let number = first; number <= last; number += 1) {
    if (there.has(number)) continue;
    const open = gaps.at(-1);
    if (open?.last === number - 1) gaps[gaps.length - 1] = { ...open, last: number };
    else gaps.push({ timeline, first: number, last: number });
  }
  return gaps;
}

/** Whether a gap and a span of segments meet. */
export function meets(gap: Gap, first: Segment, last: Segment): boolean {
  return gap.timeline === first.timeline && gap.first <= last.number && gap.last >= first.number;
}

/** `00000001000000000000000A`, or the first and the last of several. */
export function gapText({ timeline, first, last }: Gap): string {
  const begin = segmentName({ timeline, number: first });
  return first === last ? begin : `${begin} to ${segmentName({ timeline, number: last })}`;
}
