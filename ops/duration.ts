import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * `30s`, `10m`, `2h`, `1d` in seconds.
 *
 * @param where the option, for the message
 * @throws UserError for anything else
 */
export function secondsOf(where: string, text: string): number {
  const [, count, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (seconds > 0) return seconds;
  throw new UserError(
    `${where} is ${JSON.stringify(text)}, must be a number above 0 with s, m, h or d behind it, such as 10m.`,
    EXIT.usage,
  );
}
