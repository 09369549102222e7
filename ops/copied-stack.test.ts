import { expect, test } from "vitest";
import { withoutChance } from "./copied-stack.ts";

test("names that Pulumi makes have no digits by chance in a copy", () => {
  const text = "pattern: ${project}-${stack}-${name}-${hex(7)}${num(2)}\n";
  expect(withoutChance(text)).toBe("pattern: ${project}-${stack}-${name}-000000000\n");
});
