import fc from "fast-check";
import { expect, test } from "vitest";
import { afterChange, switchTo, type Generations } from "./generations.ts";
import { nextStep, type Attempt, type NextStep, type Situation } from "./restore-steps.ts";

const base: Situation = { typed: "latest", isFixed: false, current: "first", isFollowed: false, isProven: false };
const attempt = (more: Partial<Attempt> = {}): Attempt => ({
  ...{ generation: "g", typed: "latest", state: "made", hasVolume: true },
  ...more,
});
const ended = (exitCode: number, more: Partial<Attempt> = {}) => attempt({ state: "ended", exitCode, ...more });

test.each<[string, Partial<Situation>, NextStep]>([
  ["nothing was begun", {}, "begin"],
  ["the container was made", { attempt: attempt() }, "start"],
  ["it runs", { attempt: attempt({ state: "running" }) }, "follow"],
  ["it ended well while this run looked on", { attempt: ended(0), isFollowed: true }, "switch"],
  ["it ended well for a fixed moment", { attempt: ended(0), isFixed: true }, "switch"],
  ["it ended well, but what was the latest then is not so now", { attempt: ended(0) }, "discard"],
  ["it ended badly", { attempt: ended(1), isFollowed: true, isFixed: true }, "discard"],
  ["its volume is gone", { attempt: ended(0, { hasVolume: false }), isFixed: true }, "discard"],
  ["it was for another moment", { attempt: ended(0, { typed: "1h ago" }), isFixed: true }, "discard"],
  ["the file names it", { attempt: ended(0), current: "g" }, "deploy"],
  ["it serves", { attempt: ended(0), current: "g", isProven: true }, "tidy"],
  ["it serves, and nothing is left of how it came", { current: "g", isProven: true }, "done"],
])("%s: %o is %s", (_, more, step) => {
  expect(nextStep({ ...base, ...more })).toBe(step);
});

test.each([
  ["running", attempt({ state: "running", typed: "1h ago" }), "first"],
  ["half-switched", ended(0, { typed: "1h ago" }), "g"],
] as const)("another one is in the way: %s", (because, other, current) => {
  expect(nextStep({ ...base, attempt: other, current })).toEqual({ because, attempt: other });
});

/** An engine and a stack's file, on which steps are taken, or not, or only half. */
interface World {
  attempt?: Attempt;
  /** Generations that have a volume, and what is in it. */
  readonly volumes: Map<string, "old" | "empty" | "whole">;
  generations: Generations;
  /** The generation that the last deploy came to its end with. */
  serving: string;
  made: number;
}

interface Run {
  isFollowed: boolean;
  isProven: boolean;
}

/** @param isHalf whether the run is killed within the step, after the first thing that it does */
function take(world: World, run: Run, step: NextStep, typed: string, exitCode: number, isHalf: boolean): void {
  const current = world.attempt;
  switch (step) {
    case "begin": {
      const generation = `g${world.made++}`;
      world.volumes.set(generation, "empty");
      if (!isHalf) world.attempt = attempt({ generation, typed });
      return;
    }
    case "start":
      if (current) world.attempt = { ...current, state: "running" };
      return;
    case "follow":
      // Killed here it runs on, and ends by itself.
      if (current === undefined) return;
      if (exitCode === 0) world.volumes.set(current.generation, "whole");
      world.attempt = { ...current, state: "ended", exitCode };
      if (!isHalf) run.isFollowed = true;
      return;
    case "discard":
      delete world.attempt;
      if (!isHalf && current) world.volumes.delete(current.generation);
      return;
    case "switch":
      if (current) world.generations = afterChange(world.generations, switchTo(world.generations, current.generation));
      return;
    case "deploy":
      if (isHalf) return;
      world.serving = world.generations.current;
      run.isProven = true;
      return;
    case "tidy":
      delete world.attempt;
      return;
    case "done":
      return;
    default:
      throw new Error(`refused: ${step.because}`);
  }
}

/** What must hold whenever anybody looks. */
function judge({ volumes, generations, serving }: World): void {
  for (const generation of [serving, generations.current, ...generations.kept])
    expect(volumes.has(generation)).toBe(true);
  expect(volumes.get(generations.current)).not.toBe("empty");
  expect([generations.current, ...generations.kept]).toContain("first");
}

test("killed at any steps, and within them, and failed on the way, a restore comes to its end and loses no data", () => {
  const kills = fc.array(
    fc.record({ after: fc.nat(8), isHalf: fc.boolean(), exitCode: fc.constantFrom(0, 0, 1, 3, 137) }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(kills, fc.boolean(), (runs, isFixed) => {
      const world: World = {
        volumes: new Map([["first", "old"]]),
        generations: { current: "first", kept: [] },
        serving: "first",
        made: 0,
      };
      let isDone = false;
      for (const { after, isHalf, exitCode } of [...runs, { after: 20, isHalf: false, exitCode: 0 }]) {
        const run: Run = { isFollowed: false, isProven: false };
        for (let taken = 0; taken <= after && !isDone; taken++) {
          const { attempt: found, generations } = world;
          const step = nextStep({
            typed: "x",
            isFixed,
            current: generations.current,
            ...(found && { attempt: found }),
            ...run,
          });
          isDone = step === "done";
          take(world, run, step, "x", exitCode, isHalf && taken === after);
          judge(world);
        }
      }
      expect(isDone).toBe(true);
      expect(world.attempt).toBeUndefined();
      expect(world.serving).toBe(world.generations.current);
      expect(world.volumes.get(world.serving)).toBe("whole");
      expect(world.generations.kept).toContain("first");
    }),
    { numRuns: 2000 },
  );
});
