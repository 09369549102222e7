import { describe, expect, it } from "vitest";
import { OTHER_SLOT, SLOTS, type Slots } from "../configs/credential-slots.ts";
import { nextSlots, rotationGoal, stepsTo, type Goal } from "./rotation-steps.ts";

const text = ({ slot, other }: Slots) => `${slot} ${other}`;
const goal = (more: Partial<Goal>): Goal => ({ slot: "second", isFresh: true, turnsOff: true, ...more });
const ALL = SLOTS.flatMap((slot) => OTHER_SLOT.map((other): Slots => ({ slot, other })));

describe("a rotation", () => {
  it("makes, moves, turns off", () => {
    expect(stepsTo({ slot: "first", other: "none" }, goal({})).map(text)).toEqual([
      "first next",
      "second last",
      "second off",
    ]);
  });

  it("drops what was kept first, so that it never serves again", () => {
    expect(stepsTo({ slot: "first", other: "off" }, goal({})).map(text)).toEqual([
      "first none",
      "first next",
      "second last",
      "second off",
    ]);
  });

  it("goes back to what was kept", () => {
    const back = goal({ slot: "first", isFresh: false });
    expect(stepsTo({ slot: "second", other: "off" }, back).map(text)).toEqual([
      "second next",
      "first last",
      "first off",
    ]);
    expect(stepsTo({ slot: "second", other: "last" }, back).map(text)).toEqual([
      "second next",
      "first last",
      "first off",
    ]);
    expect(stepsTo({ slot: "first", other: "next" }, back).map(text)).toEqual(["first off"]);
  });

  it("leaves the one before accepted where nobody knows who still uses it", () => {
    expect(stepsTo({ slot: "first", other: "none" }, goal({ turnsOff: false })).map(text)).toEqual([
      "first next",
      "second last",
    ]);
  });

  it("ends from everywhere, at what was asked for, and never moves services to a slot that was not accepted before", () => {
    for (const now of ALL)
      for (const slot of SLOTS)
        for (const isFresh of [true, false]) {
          const steps = [now, ...stepsTo(now, goal({ slot, isFresh }))];
          expect(steps.at(-1)?.slot).toBe(slot);
          expect(["none", "off"]).toContain(steps.at(-1)?.other);
          for (const [at, step] of steps.entries()) {
            const before = steps[at - 1];
            if (before !== undefined && before.slot !== step.slot)
              expect([before.other, step.other]).toEqual(["next", "last"]);
            // A slot that served goes by way of `last`: who has not moved yet is not shut out.
            if (step.other === "off" && before !== undefined) expect(["last", "next"]).toContain(before.other);
          }
        }
  });

  it("is brought to its end from wherever it was killed", () => {
    let now: Slots = { slot: "first", other: "none" };
    const first = rotationGoal(now, now);
    for (;;) {
      const next = nextSlots(now, { ...first, turnsOff: true });
      if (next === "done") break;
      // Killed before its deploy, and run again.
      expect(rotationGoal(next, now).slot, text(next)).toBe("second");
      now = next;
    }
    expect(rotationGoal(now, now)).toEqual({ slot: "first", isFresh: true });
  });
});
