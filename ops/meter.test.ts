import { expect, test } from "vitest";
import { Meter } from "./meter.ts";

const MIB = 1024 ** 2;

function running() {
  let at = 0;
  const meter = new Meter(() => at);
  return { meter, wait: (seconds: number) => (at += seconds * 1000) };
}

test("says how much of what there is, how fast, and how long it will take", () => {
  const { meter, wait } = running();
  meter.add(0, 100 * MIB);
  expect(meter.text()).toBe(" 0 %  0.0/100 MiB");
  wait(2);
  meter.add(25 * MIB, 100 * MIB);
  expect(meter.text()).toBe("25 %  25.0/100 MiB  12.5 MiB/s  6 s left");
});

test("draws a bar that fits, and none where there is no room", () => {
  const { meter } = running();
  meter.add(50 * MIB, 100 * MIB);
  const text = "50 %  50.0/100 MiB";
  expect(meter.text(80)).toBe(`[############............]  ${text}`);
  expect(meter.text(text.length + 12)).toBe(`[####....]  ${text}`);
  expect(meter.text(text.length + 9)).toBe(text);
  expect(meter.text()).toBe(text);
});

test("the rate is that of the last seconds, and time that stands still is in it", () => {
  const { meter, wait } = running();
  for (let second = 0; second <= 100; second++) {
    meter.add(second * 10 * MIB, 10_000 * MIB);
    wait(1);
  }
  for (let second = 1; second <= 20; second++) {
    meter.add(1000 * MIB + second * MIB, 10_000 * MIB);
    if (second < 20) wait(1);
  }
  expect(meter.text()).toContain("  1.0 MiB/s  ");
  wait(92);
  expect(meter.text()).toContain("  100 KiB/s  ");
});

test("without a total there are the bytes and their rate; with nothing there is nothing", () => {
  const { meter, wait } = running();
  expect(meter.text(80)).toBe("");
  meter.add(0, undefined);
  wait(1);
  meter.add(3 * MIB, undefined);
  expect(meter.text(80)).toBe("3.0 MiB  3.0 MiB/s");
  expect(meter.doneBytes).toBe(3 * MIB);
});

test("more than there was to be, or nothing at all, is no fault", () => {
  const { meter, wait } = running();
  meter.add(1, 0);
  expect(meter.text(80)).toBe("1/0 B");
  wait(1);
  meter.add(30, 10);
  expect(meter.text(80)).toContain("100 %  30/10 B  29 B/s  0 s left");
});
