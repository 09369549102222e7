/** A release's number: major, minor, patch. */
export type Version = readonly [number, number, number];

/**
 * Reads `v3.230.0`, `3.230.0-dev.1+g12` or `go1.26.8` out of a program's answer.
 *
 * @returns nothing where there is no number of two or three parts
 */
export function parseVersion(text: string): Version | undefined {
  const found = /(?:^|[^\d.])(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return found ? [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)] : undefined;
}

/** Whether a version is the lowest allowed one or a later one. */
export function isAtLeast(version: Version, lowest: Version): boolean {
  const difference = version.map((part, at) => part - (lowest[at] ?? 0)).find((part) => part !== 0);
  return difference === undefined || difference > 0;
}

/** `3.230.0` */
export function formatVersion(version: Version): string {
  return version.join(".");
}
