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

/** What the client asks for, one wish after the other, as the seed has it. */
export function createWorkload(random: Random): () => Wish {
  let count = 0;
  return () => {
    count += 1;
    const key = `wish-${count}`;
    if (random.chance(0.05)) {
      const members = Array.from({ length: random.whole(1, 30) }, () => sum(random));
      return { is: "batch", members, key };
    }
    const keyed = random.chance(0.3);
    return {
      is: "job",
      params: sum(random),
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

function sum(random: Random): Sum {
  const hold = random.next();
  return {
    numbers: Array.from({ length: random.whole(1, 5) }, () => random.whole(-1000, 1000)),
    holdMs: hold < 0.7 ? 0 : hold < 0.97 ? random.whole(5, 200) : random.whole(500, 1500),
    failures: random.chance(0.02) ? random.whole(1, 2) : 0,
  };
}
