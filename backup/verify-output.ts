import type { FaultKind } from "./faults.ts";

/** A file of a repository that pgBackRest found to be wrong. */
export interface WrongFile {
  /** Below `backup/<stanza>` or `archive/<stanza>`. */
  readonly path: string;
  readonly kind: FaultKind;
  readonly reason: string;
}

/** What `pgbackrest verify` said. */
export interface VerifyOutput {
  readonly files: readonly WrongFile[];
  /** What it said of the repository as a whole. */
  readonly errors: readonly string[];
}

/** In 2.45 it ends with 0 whatever it finds, so that its words count. */
const FOUND: readonly { readonly pattern: RegExp; readonly kind: FaultKind; readonly reason: string }[] = [
  { pattern: /invalid checksum '(?<path>[^']+)'/, kind: "damaged", reason: "its content is not what was written" },
  { pattern: /invalid size '(?<path>[^']+)'/, kind: "truncated", reason: "its length is not what was written" },
  { pattern: /file missing '(?<path>[^']+)'/, kind: "missing", reason: "it is not there" },
  { pattern: /invalid result '?(?<path>[^:']+)'?: /, kind: "damaged", reason: "it cannot be opened" },
];

export function parseVerify(output: string): VerifyOutput {
  const files: WrongFile[] = [];
  for (const line of output.split("\n"))
    for (const { pattern, kind, reason } of FOUND) {
      const path = pattern.exec(line)?.groups?.["path"];
      if (path !== undefined) files.push({ path, kind, reason });
    }
  const errors = output
    .split("\n")
    .map((line) => line.replace(/^\S+ \S+ P\d+ +\w+: /, "").trim())
    .filter((line) => /^No usable |^no archives or backups|ERROR:/.test(line));
  // It calls the whole bad for a reason that is none of the above: then that must not pass as good.
  const isUnexplained = /status: error/.test(output) && files.length === 0 && errors.length === 0;
  return { files, errors: isUnexplained ? ["pgBackRest verify says that it is not good, and not why"] : errors };
}
