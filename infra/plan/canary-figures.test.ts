import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { Figures, judge, type Verdict } from "./canary-figures.ts";

interface Shape {
  readonly requests: number;
  readonly errors?: number;
  readonly refusals?: number;
  /** Of every request. */
  readonly milliseconds?: number;
  /** Of the slowest tenth. */
  readonly slow?: number;
}

function figures({ requests, errors = 0, refusals = 0, milliseconds = 5, slow = milliseconds }: Shape): Figures {
  const made = new Figures();
  for (let n = 0; n < requests; n++)
    made.add({
      status: n < errors ? 502 : n < errors + refusals ? 404 : 200,
      milliseconds: n % 10 === 9 ? slow : milliseconds,
    });
  return made;
}

const verdict = (release: Shape, before: Shape): Verdict => judge(figures(release), figures(before));

test("figures are counted, and said", () => {
  const made = figures({ requests: 200, errors: 3, refusals: 4, milliseconds: 5, slow: 80 });
  expect(String(made)).toBe("200 requests, 3 errors (1.5 %), 4 refused, p50 5 ms, p95 80 ms");
  expect(String(new Figures())).toBe("0 requests, 0 errors (0.0 %), 0 refused, p50 0 ms, p95 0 ms");
});

describe("a new release", () => {
  it.each<[string, Shape, Shape]>([
    ["answers as the one before", { requests: 100 }, { requests: 900 }],
    ["fails as often as the one before, however often", { requests: 100, errors: 52 }, { requests: 900, errors: 450 }],
    ["fails twice, which may be an accident", { requests: 50, errors: 2 }, { requests: 450 }],
    ["fails less than a point more often", { requests: 10_000, errors: 90 }, { requests: 10_000 }],
    ["refuses a little more", { requests: 100, refusals: 25 }, { requests: 900, refusals: 160 }],
    ["is a little slower", { requests: 100, milliseconds: 34, slow: 159 }, { requests: 900 }],
    ["is faster and never fails", { requests: 100 }, { requests: 900, errors: 30, milliseconds: 500 }],
  ])("is good where it %s", (_, release, before) => {
    expect(verdict(release, before)).toEqual({ kind: "good" });
  });

  it.each<[string, Shape, Shape, string]>([
    [
      "fails",
      { requests: 152, errors: 37 },
      { requests: 1320 },
      "37 of 152 requests to the new release failed (24.3 %), 0 of 1320 to the one before (0.0 %)",
    ],
    ["fails three times where nothing failed", { requests: 50, errors: 3 }, { requests: 450 }, "3 of 50 requests"],
    ["fails more often", { requests: 500, errors: 60 }, { requests: 4500, errors: 250 }, "60 of 500"],
    ["refuses far more", { requests: 100, refusals: 40 }, { requests: 900, refusals: 90 }, "were refused (4xx)"],
    [
      "is slower in the middle",
      { requests: 100, milliseconds: 36 },
      { requests: 900 },
      "p50 of the new release is 36 ms",
    ],
    ["is slower at the end", { requests: 100, slow: 161 }, { requests: 900 }, "p95 of the new release is 161 ms"],
  ])("is bad where it %s", (_, release, before, why) => {
    expect(verdict(release, before)).toEqual({ kind: "bad", why: expect.stringContaining(why) as string });
  });

  it("is judged by fifty requests of each at the least", () => {
    expect(verdict({ requests: 49, errors: 49 }, { requests: 900 }).kind).toBe("too few");
    expect(verdict({ requests: 900, errors: 49 }, { requests: 49 }).kind).toBe("too few");
    expect(verdict({ requests: 50, errors: 49 }, { requests: 50 }).kind).toBe("bad");
  });

  it("that answers like the one before is good, whatever both do", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 50, max: 400 }),
        fc.nat({ max: 50 }),
        fc.nat({ max: 900 }),
        (requests, errors, ms) => {
          expect(verdict({ requests, errors, milliseconds: ms }, { requests, errors, milliseconds: ms }).kind).toBe(
            "good",
          );
        },
      ),
    );
  });
});
