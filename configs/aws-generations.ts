import { z } from "zod";

/**
 * Generations of the database: the instance that the stack began with, and those that were restored beside it. A restore adds one, and another change
 * of the file lets the services go there; nothing is deleted by either.
 */

/** Name of the instance that the stack began with. */
export const FIRST = "first";

/** The last moment that RDS can restore. */
export const LATEST = "latest";

const name = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, {
    error: "must be small letters, digits and single hyphens, such as 20261129t0230",
  })
  .max(20);

const restored = z.strictObject({
  /** For good: another name is another instance. */
  name,
  /** Generation that it is made of: `first`, or one of those before it. */
  from: name.default(FIRST),
  /** Moment that it shows, UTC, such as 2026-11-29T02:30:00Z; `latest` is the last that RDS has, 5 minutes ago at most. */
  to: z
    .string()
    .refine((text) => text === LATEST || z.iso.datetime().safeParse(text).success, {
      error: "must be latest or a moment, UTC, such as 2026-11-29T02:30:00Z",
    })
    .default(LATEST),
});

/** Keys of `aws.data.database` about generations. */
export const generations = {
  /** Instances that RDS restores to a moment, beside the one they are made of, in the order that they came. */
  restored: z.array(restored).max(5).default([]),
  /** Generation that the services use: `first`, or the name of one that was restored. */
  serving: name.default(FIRST),
  /** Whether the instance that the stack began with stays; `false` once another serves and nobody goes back. */
  keepFirst: z.boolean().default(true),
};

interface Generations {
  readonly restored: readonly { readonly name: string; readonly from: string }[];
  readonly serving: string;
  readonly keepFirst: boolean;
}

/** What the keys say against each other: paths below `aws.data.database`, and what is wrong there. */
export function generationFaults({
  restored: made,
  serving,
  keepFirst,
}: Generations): [path: string, message: string][] {
  const faults: [string, string][] = [];
  const known = [FIRST];
  made.forEach((one, index) => {
    if (known.includes(one.name))
      faults.push([`restored.${index}.name`, `must be a name of its own; ${known.join(", ")} are taken`]);
    if (!known.includes(one.from))
      faults.push([`restored.${index}.from`, `must be one before it: ${known.join(", ")}`]);
    known.push(one.name);
  });
  const there = known.filter((one) => keepFirst || one !== FIRST);
  if (!there.includes(serving))
    faults.push(["serving", `must be a database that is there: ${there.length === 0 ? "none is" : there.join(", ")}`]);
  return faults;
}
