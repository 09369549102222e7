import type { ByteRange } from "../../jobs/object-store.ts";
import { RequestProblem } from "../problems.ts";

/**
 * The part of a representation that a request wants (RFC 9110, 14). Several parts, and what is no range of bytes, are
 * answered with all of it, which the RFC allows.
 *
 * @param bytes length of the whole
 * @param etag of the whole, quoted
 * @param ifRange the part is wanted only of this version, else all of it
 * @throws RequestProblem `range-not-satisfiable` when nothing of it is there
 */
export function wantedRange(
  header: string | undefined,
  bytes: number,
  etag: string,
  ifRange: string | undefined,
): ByteRange | undefined {
  if (header === undefined || (ifRange !== undefined && ifRange !== etag)) return undefined;
  const parts = /^bytes\s*=\s*(?<first>\d*)\s*-\s*(?<last>\d*)\s*$/i.exec(header)?.groups;
  const [first, last] = [parts?.["first"] ?? "", parts?.["last"] ?? ""];
  if (first === "" && last === "") return undefined;
  const range =
    first === ""
      ? { first: Math.max(0, bytes - Number(last)), last: bytes - 1 }
      : { first: Number(first), last: last === "" ? bytes - 1 : Math.min(Number(last), bytes - 1) };
  // Backwards is no range at all.
  if (first !== "" && last !== "" && Number(first) > Number(last)) return undefined;
  if (range.first > range.last) {
    throw new RequestProblem("range-not-satisfiable", `range: got ${header}, the artifact has ${bytes} bytes`, {
      headers: { "content-range": `bytes */${bytes}` },
    });
  }
  return range;
}
