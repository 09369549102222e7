import { describe, expect, it } from "vitest";
import type { RepositorySet } from "./repository-info.ts";
import { findRoute, parseTarget, type Stock } from "./targets.ts";

const at = (time: string) => new Date(`2026-11-29T${time}Z`);

/** A full backup on the first timeline, then WAL of it. */
const SET: RepositorySet = {
  ...{ label: "20261129-100000F", type: "full", startedAt: at("10:00:00"), endedAt: at("10:01:00") },
  ...{ databaseBytes: 1, addedBytes: 1, references: [], notes: {}, hasPageErrors: false },
  ...{ walStart: "000000010000000000000002", walStop: "000000010000000000000002", lsnStop: "0/2000100" },
};
const RESTORED = { timeline: 2, parent: 1, position: 0x3000000n };

/** Restored at 11:00, gone back from that at 12:00. */
const STOCK: Stock = {
  sets: [SET],
  timelines: [RESTORED],
  arrivals: [
    { timeline: 1, at: at("10:01:00") },
    { timeline: 1, at: at("10:59:58") },
    { timeline: 2, at: at("11:00:20") },
    { timeline: 2, at: at("11:59:40") },
    { timeline: 1, at: at("12:00:30") },
    { timeline: 1, at: at("12:30:00") },
  ],
};

describe("the timeline of a moment", () => {
  it.each([
    ["before the restore", "10:30:00", 1],
    ["in the second in which the last of it arrived", "10:59:58.9", 1],
    ["while what was restored served", "11:30:00", 2],
    ["after somebody went back", "12:10:00", 1],
  ])("%s", (_, time, timeline) => {
    const target = parseTarget(`2026-11-29T${time}Z`);
    expect(findRoute(target, STOCK)).toEqual({ set: SET, timeline });
  });

  it("that is the newest is the one that somebody went back to, not the one that was made last", () => {
    expect(findRoute({ is: "latest" }, STOCK).timeline).toBe(1);
  });

  it("that is the newest is the restored one while that serves", () => {
    expect(findRoute({ is: "latest" }, { ...STOCK, arrivals: STOCK.arrivals.slice(0, 4) }).timeline).toBe(2);
  });
});
