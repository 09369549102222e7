import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIdMaker, ID_EPOCH_MS, ID_NUMBERS, IdRefused, IDS_PER_MS, MAX_AHEAD_MS } from "./ids.ts";

const START = ID_EPOCH_MS + 1_000_000_000;

/** Steps of a clock: forward, standing, and back by less than the ids may run ahead. */
const steps = fc.array(fc.integer({ min: -MAX_AHEAD_MS / 10, max: 50 }), { minLength: 1, maxLength: 300 });

describe("ids", () => {
  it("grow and never repeat, whatever small steps the clock takes", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: ID_NUMBERS - 1 }), (clockSteps, number) => {
        let now = START;
        const maker = createIdMaker(number);
        let last = 0n;
        for (const step of clockSteps) {
          now = Math.max(now + step, START - MAX_AHEAD_MS / 2);
          const behind = (maker.newestMs() ?? now) - now;
          if (behind > MAX_AHEAD_MS) {
            expect(() => maker.next(now)).toThrow(IdRefused);
            continue;
          }
          const id = BigInt(maker.next(now));
          expect(id > last).toBe(true);
          expect(Number((id >> 12n) & 0x3ffn)).toBe(number);
          expect(id < 2n ** 63n).toBe(true);
          last = id;
        }
      }),
    );
  });

  it("differ between numbers at the same moment", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: ID_NUMBERS - 1 }), { minLength: 2, maxLength: 20 }),
        (numbers) => {
          const ids = numbers.map((number) => createIdMaker(number).next(START));
          expect(new Set(ids).size).toBe(numbers.length);
        },
      ),
    );
  });

  it("take the next millisecond when one is full, and are refused when too far ahead of a clock that stands", () => {
    const maker = createIdMaker(1);
    const ids = Array.from({ length: IDS_PER_MS + 1 }, () => BigInt(maker.next(START)));
    expect(new Set(ids).size).toBe(ids.length);
    expect(maker.newestMs()).toBe(START + 1);
  });

  it("are refused when the clock went back by more than a second, and go on when it is back", () => {
    let now = START;
    const maker = createIdMaker(1);
    const first = BigInt(maker.next(now));
    now -= MAX_AHEAD_MS + 1;
    expect(() => maker.next(now)).toThrow("the clock is 1001 ms behind the newest id");
    now += MAX_AHEAD_MS + 2;
    expect(BigInt(maker.next(now)) > first).toBe(true);
  });

  it("need a clock of this century and a number of 10 bits", () => {
    expect(() => createIdMaker(1).next(0)).toThrow("the clock is before 2026");
    expect(() => createIdMaker(1).next(ID_EPOCH_MS + 2 ** 41)).toThrow("the clock is after 2095");
    for (const number of [-1, ID_NUMBERS, 1.5]) expect(() => createIdMaker(number)).toThrow(/must be 0 to 1023/);
  });
});
