/** The middle of a list and how far it spreads. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/**
 * @param values one or more, in any order
 * @throws RangeError where there is none
 */
export function spreadOf(values: readonly number[]): Spread {
  return { median: percentile(values, 50), least: percentile(values, 0), most: percentile(values, 100) };
}

/**
 * Value below which a share of a list lies, by linear interpolation between neighbours.
 *
 * @param share in percent, 0 to 100
 * @throws RangeError where the list is empty or the share is none
 */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("percentile: the list is empty, must hold one value or more");
  if (!(share >= 0 && share <= 100)) throw new RangeError(`percentile: share is ${share}, must be 0 to 100`);
  const sorted = [...values].sort((a, b) => a - b);
  const place = ((sorted.length - 1) * share) / 100;
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * Ratios of measurements that were taken in turn, round by round.
 *
 * @throws RangeError where the lists are not of one length
 */
export function ratios(ours: readonly number[], others: readonly number[]): number[] {
  if (ours.length !== others.length)
    throw new RangeError(`ratios: ${ours.length} rounds of ours and ${others.length} of the other, must be as many`);
  return ours.map((value, round) => value / (others[round] ?? NaN));
}
