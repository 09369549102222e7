import { expect, test } from "vitest";
import { resourceLine } from "./stack.ts";

test.each([
  [" +  docker:index:Container api-1 created (0.31s)", "Container api-1 created (0.31s)"],
  ["    pulumi:pulumi:Stack slipway-dev running", "Stack slipway-dev running"],
  [" +- docker:index/container:Container edge replacing (1s)", "Container edge replacing (1s)"],
  ["Updating (dev):", "Updating (dev):"],
])("%j is shown as %j", (line, shown) => {
  expect(resourceLine(line)).toBe(shown);
});
