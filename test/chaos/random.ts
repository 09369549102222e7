/** Random numbers that a seed determines. */
export interface Random {
  /** 0 to 1, 1 excluded. */
  next(): number;
  /** A whole number, both ends included. */
  whole(from: number, to: number): number;
  /** True in so many of 1 cases. */
  chance(share: number): boolean;
  /** One of a list. @throws RangeError where it is empty */
  pick<T>(list: readonly T[]): T;
  /** Another source, determined by this seed and a name: what one part draws does not change what the others get. */
  branch(name: string): Random;
}

/** @param seed any text or number */
export function createRandom(seed: string | number): Random {
  let state = hash(String(seed));
  function next(): number {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
  return {
    next,
    whole: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (share) => next() < share,
    pick: (list) => {
      const one = list[Math.floor(next() * list.length)];
      if (one === undefined) throw new RangeError("pick: the list is empty, must hold one value or more");
      return one;
    },
    branch: (name) => createRandom(`${seed}/${name}`),
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value;
}
