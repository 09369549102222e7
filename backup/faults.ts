/** What may be wrong with a backup. */
export const FAULT_KINDS = [
  /** A file is not there. */
  "missing",
  /** A file is shorter than it was. */
  "truncated",
  /** Bytes are not those that were written. */
  "damaged",
  /** A file of somebody else's, or of another place. */
  "foreign",
  /** It was closed with another key than the one in use. */
  "wrong-key",
  /** It was begun and never finished. */
  "unfinished",
  /** Nobody has shown that the key is kept elsewhere. */
  "key-not-escrowed",
  /** A repository does not answer, or has no copy. */
  "unreachable",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One thing that is wrong. */
export interface Fault {
  readonly kind: FaultKind;
  /** Such as `offsite: sets/20261129-023000f/redis.rdb.enc`. */
  readonly where: string;
  readonly reason: string;
}

/** Something cannot be read as what it should be. */
export class BackupFault extends Error implements Fault {
  override readonly name = "BackupFault";
  readonly kind: FaultKind;
  readonly where: string;
  readonly reason: string;

  constructor(kind: FaultKind, where: string, reason: string) {
    super(`${where}: ${reason} (${kind})`);
    this.kind = kind;
    this.where = where;
    this.reason = reason;
  }
}

/** A fault as people read it. */
export function faultText({ kind, where, reason }: Fault): string {
  return `${kind}: ${where}: ${reason}`;
}

/**
 * The fault that an error speaks of.
 *
 * @throws what is no fault of a backup, such as a bug
 */
export function faultOf(error: unknown, where: string): Fault {
  if (error instanceof BackupFault)
    return { kind: error.kind, where: `${where}: ${error.where}`, reason: error.reason };
  // A disk that does not read, a store that does not answer: nothing is known to be good.
  if (error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError))
    return { kind: "unreachable", where, reason: error.message };
  throw error;
}
