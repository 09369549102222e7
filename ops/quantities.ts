/** Quantities as people read them. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** A number of bytes in the unit of another, so that two can stand side by side: `1.2` of `1.2/2.4 GiB`. */
export function bytesIn(bytes: number, unitOf: number): { readonly text: string; readonly unit: string } {
  const power = Math.min(UNITS.length - 1, unitOf < 1 ? 0 : Math.floor(Math.log(unitOf) / Math.log(1024)));
  const value = bytes / 1024 ** power;
  const digits = power === 0 || value >= 99.95 ? 0 : 1;
  return { text: value.toFixed(digits), unit: UNITS[power] ?? "B" };
}

/** `0 B`, `512 B`, `1.5 KiB`, `266 MiB`. */
export function formatBytes(bytes: number): string {
  const { text, unit } = bytesIn(bytes, bytes);
  return `${text} ${unit}`;
}

/** A long span in its two largest units: `45 s`, `12 min 30 s`, `3 h 05 min`, `2 d 4 h`. */
export function formatSpan(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (count: number) => String(count).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `1 job`, `14 jobs`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A time of the agent's to the second: `2026-11-29T02:30:41Z`. */
export function formatTime(time: string): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}
