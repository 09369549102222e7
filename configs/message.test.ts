import { expect, test } from "vitest";
import { messageOf } from "./message.ts";

test("what was thrown says something, whatever it is", () => {
  expect([new TypeError("no number"), "a text", undefined, 7].map(messageOf)).toEqual([
    "no number",
    "a text",
    "undefined",
    "7",
  ]);
});
