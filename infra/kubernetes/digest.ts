import { createHash } from "node:crypto";
import { output, type Output } from "@pulumi/pulumi";

/** Hex digits of a digest in a name: enough that two contents of one service never share it. */
const DIGITS = 10;

/** Digest of what is no secret, for names that change with the content. The order of keys does not count. */
export function digest(content: object): Output<string> {
  return output(content).apply((known: unknown) =>
    createHash("sha256")
      .update(JSON.stringify(sorted(known)))
      .digest("hex")
      .slice(0, DIGITS),
  );
}

/** The same value with the keys of every object in order. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
