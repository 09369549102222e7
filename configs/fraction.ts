import { z } from "zod";

/**
 * A number that may have a fraction. `pulumi config set --path slipway:api.cpus 0.5` writes `"0.5"`, as text, and over text it writes `"1"` as text
 * too. Both are taken; any other text is refused as no number.
 */
export function fraction(check: z.ZodNumber) {
  return z.preprocess(
    (value) => (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value),
    check,
  );
}
