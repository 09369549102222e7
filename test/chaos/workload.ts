import type { Random } from "./random.ts";

interface Sum {
  readonly numbers: readonly number[];
  readonly holdMs: number;
  readonly failures: number;
}

/** One thing that the client does next. */
export type Wish =
  | {
      readonly is: "job";
      readonly params: Sum;
      readonly delaySeconds: number;
      readonly priority: number;
      /** Sent again under it until an answer comes. */
      readonly key: string | undefined;
      /** Two at the same moment. */
      readonly twice: boolean;
      readonly then: "nothing" | "cancel" | "cancel-and-retry";
    }
  | {
      readonly is: "batch";
      readonly members: readonly Sum[];
      readonly key: string;
    };

/** Share of jobs that take a second or so. */
const LONG_SHARE = 0.03;

/**
 * What the client asks for, one wish after the other, as the seed has it.
 *
 * @param longShare share of jobs that take half a second to one and a half, 0 to 1
 */
export function createWorkload(random: Random, longShare = LONG_SHARE): () => Wish {
  let count = 0;
  return () => {
    count += 1;
    const key = `wish-${count}`;
    if (random.chance(0.05)) {
      const members = Array.from({ length: random.whole(1, 30) }, () => sum(random, longShare));
      return { is: "batch", members, key };
    }
    const keyed = random.chance(0.3);
    return {
      is: "job",
      params: sum(random, longShare),
      delaySeconds: random.chance(0.1) ? random.whole(1, 30) / 10 : 0,
      priority: random.chance(0.1) ? random.whole(1, 10) : 0,
      key: keyed ? key : undefined,
      twice: keyed && random.chance(0.2),
      then: random.chance(0.03) ? random.pick(["cancel", "cancel-and-retry"]) : "nothing",
    };
  };
}

/** Sum of the numbers of a job. */
export function sumOf({ numbers }: Sum): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function sum(random: Random, longShare: number): Sum {
  const hold = random.next();
  return {
    numbers: Array.from({ length: random.whole(1, 5) }, () => random.whole(-1000, 1000)),
    holdMs: hold < longShare ? random.whole(500, 1500) : hold < 0.3 ? random.whole(5, 200) : 0,
    failures: random.chance(0.02) ? random.whole(1, 2) : 0,
  };
}
