import { describe, expect, it } from "vitest";
import { BUSY_COST, CALM_MS, createMarks } from "./marks.ts";

const pod = (name: string, cost?: string) => ({ name, cost });
const busy = (...names: string[]) => new Set(names);

describe("marks of pods", () => {
  it("are given to who works, once, and to nobody else", () => {
    const marks = createMarks();
    expect(marks.look([pod("a"), pod("b")], busy("a", "not-here"), 0)).toEqual([{ pod: "a", cost: BUSY_COST }]);
    expect(marks.look([pod("a", BUSY_COST), pod("b")], busy("a"), 1)).toEqual([]);
  });

  it("go when their worker has had nothing to do for a while, and not between two short jobs", () => {
    const marks = createMarks();
    const marked = [pod("a", BUSY_COST)];
    expect(marks.look(marked, busy("a"), 0)).toEqual([]);
    expect(marks.look(marked, busy(), CALM_MS - 1)).toEqual([]);
    expect(marks.look(marked, busy("a"), CALM_MS)).toEqual([]);
    expect(marks.look(marked, busy(), 2 * CALM_MS - 1)).toEqual([]);
    expect(marks.look(marked, busy(), 2 * CALM_MS)).toEqual([{ pod: "a", cost: undefined }]);
  });

  it("that another marker left are taken over, and go when it has been seen long enough that nobody works", () => {
    const marks = createMarks();
    expect(marks.look([pod("a", BUSY_COST)], busy(), 5)).toEqual([]);
    expect(marks.look([pod("a", BUSY_COST)], busy(), 5 + CALM_MS)).toEqual([{ pod: "a", cost: undefined }]);
  });

  it("that somebody else gave stay as they are", () => {
    const marks = createMarks();
    const others = [pod("a", "-50"), pod("b", "7")];
    expect(marks.look(others, busy("a"), 0)).toEqual([]);
    expect(marks.look(others, busy(), 10 * CALM_MS)).toEqual([]);
  });

  it("forget pods that are gone: one that comes back under the name begins anew", () => {
    const marks = createMarks();
    marks.look([pod("a", BUSY_COST)], busy("a"), 0);
    marks.look([], busy(), CALM_MS);
    expect(marks.look([pod("a", BUSY_COST)], busy(), CALM_MS)).toEqual([]);
  });
});
