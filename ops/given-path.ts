import { resolve } from "node:path";

/** A path as it was typed: from where `./slipway` was called. */
export function givenPath(path: string): string {
  return resolve(process.env["SLIPWAY_FROM"] ?? ".", path);
}
