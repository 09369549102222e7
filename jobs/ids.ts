/** Start of the ids' clock: 2026-01-01T00:00:00Z, in milliseconds since 1970. 41 bits from there last until 2095. */
export const ID_EPOCH_MS = Date.UTC(2026, 0, 1);

const TIME_BITS = 41;
const WORKER_BITS = 10n;
const SEQUENCE_BITS = 12n;

/** Ids per millisecond and number. */
export const IDS_PER_MS = 1 << Number(SEQUENCE_BITS);

/** How many processes can make ids at once. */
export const ID_NUMBERS = 1 << Number(WORKER_BITS);

/** How far the ids may run ahead of their clock, in milliseconds, before they are refused. */
export const MAX_AHEAD_MS = 1000;

/** No id can be made now; the caller may try again. */
export class IdRefused extends Error {
  override readonly name = "IdRefused";
}

/** Makes ids: 41 bits of milliseconds, 10 of the leased number, 12 of a sequence. Greater is later. */
export interface IdMaker {
  /**
   * The next id, as a decimal string: JSON numbers cannot hold 64 bits.
   *
   * @param nowMs milliseconds since 1970; the clock may stand still or step back
   * @throws IdRefused when the clock went back by more than a second, or is outside of what ids can hold
   */
  next(nowMs: number): string;
  /** Millisecond of the newest id since 1970, or `undefined` before the first. */
  newestMs(): number | undefined;
}

/** The least id of a moment: those of jobs that were made before are smaller. */
export function idAt(nowMs: number): string {
  const ms = Math.max(0, Math.floor(nowMs) - ID_EPOCH_MS);
  return (BigInt(ms) << (WORKER_BITS + SEQUENCE_BITS)).toString();
}

/** @param number leased number of this process, 0 to 1023 */
export function createIdMaker(number: number): IdMaker {
  if (!Number.isInteger(number) || number < 0 || number >= ID_NUMBERS) {
    throw new RangeError(`createIdMaker: number is ${number}, must be 0 to ${ID_NUMBERS - 1}`);
  }
  let last: number | undefined;
  let sequence = 0;
  function advance(nowMs: number): number {
    const now = Math.floor(nowMs) - ID_EPOCH_MS;
    if (last === undefined || now > last) return restart(now);
    if (last - now > MAX_AHEAD_MS) {
      throw new IdRefused(`the clock is ${last - now} ms behind the newest id (at most ${MAX_AHEAD_MS} ms); try again`);
    }
    // The same millisecond, or a small step back: go on from the newest id, into the next millisecond when it is full.
    if (sequence + 1 === IDS_PER_MS) return restart(last + 1);
    sequence += 1;
    return last;
  }
  function restart(ms: number): number {
    if (ms < 0) throw new IdRefused("the clock is before 2026; set the clock of the database server");
    if (ms >= 2 ** TIME_BITS) throw new IdRefused("the clock is after 2095; set the clock of the database server");
    last = ms;
    sequence = 0;
    return ms;
  }
  return {
    next: (nowMs) => {
      const ms = advance(nowMs);
      return (
        (BigInt(ms) << (WORKER_BITS + SEQUENCE_BITS)) |
        (BigInt(number) << SEQUENCE_BITS) |
        BigInt(sequence)
      ).toString();
    },
    newestMs: () => (last === undefined ? undefined : last + ID_EPOCH_MS),
  };
}
