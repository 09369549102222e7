import type { ListResult } from "../backup/protocol.ts";
import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { formatTime } from "./quantities.ts";

/** Where a restore goes, as it was typed and as the agent takes it. */
export interface Moment {
  /** As it was typed. */
  readonly typed: string;
  /** For the agent: a label, a time in UTC, or `latest`. */
  readonly to: string;
  /** Whether it means the same whenever it is typed. */
  readonly isFixed: boolean;
}

const LABEL = /^\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?$/;
/** Whether a restore goes to a backup by its label. */
export function isLabel(to: string): boolean {
  return LABEL.test(to);
}

const ISO = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(Z|[+-]\d\d:?\d\d)?$/i;
const RELATIVE = /^((?:\d+(?:\.\d+)?\s*[smhd]\s*)+) ago$/;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

const ALLOWED =
  "Allowed are a time with its zone (2026-11-29T02:30:00Z, 2026-11-29T03:30:00+01:00), a time before now (10m ago, 1h 30m ago), " +
  "a label of `slipway backups`, and latest.";

/**
 * Reads the value of `--to`.
 *
 * @param now milliseconds of this moment
 * @throws UserError for anything else than what is allowed, and for the future
 */
export function parseMoment(typed: string, now: number): Moment {
  const text = typed.trim();
  if (text === "latest") return { typed, to: "latest", isFixed: false };
  if (isLabel(text)) return { typed, to: text, isFixed: true };
  const relative = RELATIVE.exec(text)?.[1];
  if (relative !== undefined)
    return { typed, to: notAhead(now - secondsIn(relative) * 1000, typed, now), isFixed: false };
  const [, day, time, zone] = ISO.exec(text) ?? [];
  if (day === undefined || time === undefined) refuse(`--to is ${JSON.stringify(typed)}. ${ALLOWED}`);
  if (zone === undefined)
    refuse(
      `--to is ${JSON.stringify(typed)}, without a zone: an hour's difference is an hour of data. Add Z for UTC, or +01:00.`,
    );
  const at = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  // 2026-02-30 becomes 2 March otherwise.
  if (Number.isNaN(at) || Number.isNaN(Date.parse(`${day}T00:00Z`)) || !isDay(day))
    refuse(`--to is ${JSON.stringify(typed)}, which is no time of the calendar. ${ALLOWED}`);
  return { typed, to: notAhead(at, typed, now), isFixed: true };
}

function isDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}

function notAhead(at: number, typed: string, now: number): string {
  if (at > now)
    refuse(
      `--to is ${JSON.stringify(typed)}, which is in the future: it is ${formatTime(new Date(now).toISOString())} now. ${ALLOWED}`,
    );
  return new Date(at).toISOString();
}

function secondsIn(spans: string): number {
  const found = [...spans.matchAll(/(\d+(?:\.\d+)?)\s*([smhd])/g)];
  return found.reduce((sum, [, count, unit]) => sum + Number(count) * (SECONDS[unit ?? ""] ?? 0), 0);
}

/**
 * Refuses a moment that no backup reaches.
 *
 * @throws UserError with what can be reached
 */
export function checkReach({ to, typed }: Moment, { backups, archive }: ListResult): void {
  if (backups.length === 0) throw new UserError("There is no backup to restore. Make one: ./slipway backup");
  if (to === "latest") return;
  if (isLabel(to)) {
    if (backups.some(({ label }) => label === to)) return;
    refuse(`--to is ${to}, and there is no such backup. There are: ${backups.map(({ label }) => label).join(", ")}.`);
  }
  // Only what ended before can be gone forward from.
  const first = backups.map(({ endedAt }) => endedAt).reduce((a, b) => (Date.parse(a) < Date.parse(b) ? a : b));
  if (Date.parse(to) >= Date.parse(first)) return;
  const last = archive.reachesTo === undefined ? "now" : formatTime(archive.reachesTo);
  refuse(
    `--to is ${JSON.stringify(typed)} (${formatTime(to)}), before the end of the first backup. ` +
      `What can be reached lies between ${formatTime(first)} and ${last}.`,
  );
}

function refuse(message: string): never {
  throw new UserError(message, EXIT.usage);
}
