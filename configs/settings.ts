import { z } from "zod";

/** What settings are made of: each says in its error what is allowed. */

/** A text of one character or more. */
export function text(allowed: string): z.ZodString {
  return z.string({ error: allowed }).min(1, { error: allowed });
}

/** A whole number within a range. */
export function whole(min: number, max: number, fallback: number): z.ZodType<number> {
  const allowed = `a whole number, ${min} to ${max} (default ${fallback})`;
  return z
    .string()
    .regex(/^\d+$/, { error: allowed })
    .transform(Number)
    .refine((n) => n >= min && n <= max, { error: allowed })
    .default(fallback);
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(values: T): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(values, { error: `one of ${values.join(", ")}` });
}
