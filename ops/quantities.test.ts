import { expect, test } from "vitest";
import { bytesIn, counted, formatBytes, formatSpan, formatTime } from "./quantities.ts";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1_572_864, "1.5 MiB"],
  [278_921_216, "266 MiB"],
  [5 * 1024 ** 4, "5.0 TiB"],
  [5000 * 1024 ** 4, "5000 TiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("bytes stand in the unit of their total", () => {
  expect(bytesIn(1024 ** 2, 2.5 * 1024 ** 3)).toEqual({ text: "0.0", unit: "GiB" });
  expect(bytesIn(0, 0)).toEqual({ text: "0", unit: "B" });
});

test.each([
  [0.4, "0 s"],
  [59.4, "59 s"],
  [59.6, "1 min 00 s"],
  [750, "12 min 30 s"],
  [3599.7, "1 h 00 min"],
  [11_100, "3 h 05 min"],
  [86_399, "1 d 0 h"],
  [187_200, "2 d 4 h"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatSpan(seconds)).toBe(text);
});

test("counts and times", () => {
  expect([counted(0, "job"), counted(1, "job"), counted(14, "job")]).toEqual(["0 jobs", "1 job", "14 jobs"]);
  expect(formatTime("2026-11-29T03:30:00.123+01:00")).toBe("2026-11-29T02:30:00Z");
});
