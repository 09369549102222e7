import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fold } from "./fold.ts";

describe("lines on a terminal", () => {
  it("go on below their last cell", () => {
    expect(fold("✓ disk      Postgres has 12 GiB of 40 GiB, Redis has 3 GiB\n", 36)).toBe(
      "✓ disk      Postgres has 12 GiB of\n            40 GiB, Redis has 3 GiB\n",
    );
  });

  it("are cut where the last cell has no room", () => {
    expect(fold("1  0.1.0  2026-11-29T17:02:11Z  succeeded  root@host", 40)).toBe(
      "1  0.1.0  2026-11-29T17:02:11Z  succeed…",
    );
  });

  it("are broken between words where they are prose", () => {
    expect(fold("Not counted: traffic, requests and taxes.\n", 24)).toBe(
      "Not counted: traffic,\nrequests and taxes.\n",
    );
    expect(fold("a  b", 40)).toBe("a  b");
  });

  it("are broken around a command, which stays whole so that it can be copied", () => {
    const command = "./slipway rollback 0.1.0 --to 12:00:01 --yes --stack some-stack.";
    expect(fold(`Back to the release before: ${command} All: ./slipway releases`, 40)).toBe(
      `Back to the release before:\n${command}\nAll: ./slipway releases`,
    );
    expect(fold("✓ Data  it is kept; away with it: make down STACK=other FORCE=1, if nobody needs it", 40)).toBe(
      "✓ Data  it is kept; away with it:\n        make down STACK=other FORCE=1,\n        if nobody needs it",
    );
  });

  it("lose no word of a last cell that has room", () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1 });
    fc.assert(
      fc.property(words, fc.integer({ min: 40, max: 100 }), (list, columns) => {
        const folded = fold(`  name  ${list.join(" ")}`, columns);
        expect(folded.split(/\s+/).filter(Boolean)).toEqual(["name", ...list]);
        for (const line of folded.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
