import fc from "fast-check";
import { expect, it } from "vitest";
import { createSlots } from "./slots.ts";

it("never gives more places than there are, and serves everybody", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer({ min: 1, max: 7 })),
      async (count, wishes) => {
        const slots = createSlots(count);
        let running = 0;
        let most = 0;
        const work = async (wanted: number) => {
          for (let left = wanted; left > 0;) {
            await slots.untilFree();
            const taken = slots.take(left);
            running += taken;
            most = Math.max(most, running);
            await Promise.resolve();
            running -= taken;
            left -= taken;
            slots.give(taken);
          }
        };
        await Promise.all(wishes.map(work));
        expect(most).toBeLessThanOrEqual(count);
        expect(slots.take(count + 1)).toBe(count);
      },
    ),
  );
});

it("refuses a place that is given back twice", () => {
  const slots = createSlots(1);
  slots.take(1);
  slots.give(1);
  expect(() => {
    slots.give(1);
  }).toThrow("2 places are free of 1");
});

it("gives nothing while it is paused, and tells those who wait when it goes on", async () => {
  const slots = createSlots(2);
  expect(slots.take(1)).toBe(1);
  slots.pause();
  expect(slots.take(1)).toBe(0);
  let told = false;
  const waiting = slots.untilFree().then(() => (told = true));
  slots.give(1);
  await Promise.resolve();
  expect([told, slots.take(2)]).toEqual([false, 0]);
  slots.resume();
  await waiting;
  expect(slots.take(2)).toBe(2);
});

it("tells those who wait when it closes, and gives nothing more", async () => {
  const slots = createSlots(1);
  slots.take(1);
  const waiting = slots.untilFree();
  slots.close();
  await waiting;
  slots.give(1);
  expect(slots.take(1)).toBe(0);
});
