import fc from "fast-check";
import { expect, it } from "vitest";
import { createSlots } from "./slots.ts";

it("never gives more places than there are, and each in its turn", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 30 }), async (count, jobs) => {
      const slots = createSlots(count);
      let running = 0;
      let most = 0;
      const order: number[] = [];
      const work = async (job: number) => {
        const free = await slots.take();
        order.push(job);
        most = Math.max(most, ++running);
        await Promise.resolve();
        running -= 1;
        free?.();
        free?.(); // A second time does nothing.
      };
      await Promise.all(Array.from({ length: jobs }, (_, job) => work(job)));
      expect(most).toBeLessThanOrEqual(count);
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }),
  );
});

it("tells those who wait when it closes", async () => {
  const slots = createSlots(1);
  const free = await slots.take();
  const waiting = slots.take();
  slots.close();
  expect(await waiting).toBeUndefined();
  expect(await slots.take()).toBeUndefined();
  free?.();
});
