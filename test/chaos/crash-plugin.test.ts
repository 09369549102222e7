import { describe, expect, it } from "vitest";
import { CRASH_FILES, crashPoints, instrument } from "./crash-plugin.ts";
import { createRandom } from "./random.ts";
import { createWorkload } from "./workload.ts";

describe("crash points", () => {
  it("stand on both sides of every await, within each other too", () => {
    const { code, points } = instrument("jobs/a.ts", "const x = await f(await g());\nawait h();");
    expect(points).toEqual(["a.ts:1", "a.ts:1.1", "a.ts:2"]);
    expect(code.split("\n").slice(1)).toEqual([
      'const x = chaosAfter("a.ts:1", (chaosBefore("a.ts:1"), await f(chaosAfter("a.ts:1.1", (chaosBefore("a.ts:1.1"), await g())))));',
      'chaosAfter("a.ts:2", (chaosBefore("a.ts:2"), await h()));',
    ]);
  });

  it("are in every file that is named", () => {
    for (const file of CRASH_FILES) expect(crashPoints(file).length, file).toBeGreaterThan(1);
  });
});

describe("a seed", () => {
  const wishes = (seed: string) => {
    const next = createWorkload(createRandom(seed));
    return Array.from({ length: 100 }, next);
  };

  it("determines what is asked for", () => {
    expect(wishes("7")).toEqual(wishes("7"));
    expect(wishes("7")).not.toEqual(wishes("8"));
  });

  it("determines a branch, whatever was drawn before", () => {
    const [one, other] = [createRandom("7"), createRandom("7")];
    one.next();
    expect(one.branch("a").next()).toBe(other.branch("a").next());
  });
});
