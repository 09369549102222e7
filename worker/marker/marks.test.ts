import { describe, expect, it } from "vitest";
import { COST_ANNOTATION, EVICTION_ANNOTATION } from "./cluster-api.ts";
import { BUSY_COST, CALM_MS, createMarks } from "./marks.ts";

const pod = (name: string, cost?: string, eviction = cost === BUSY_COST ? "false" : undefined) => ({
  ...{ name, cost, eviction },
});
const MARK = { [COST_ANNOTATION]: BUSY_COST, [EVICTION_ANNOTATION]: "false" };
const NO_MARK = { [COST_ANNOTATION]: null, [EVICTION_ANNOTATION]: null };
const busy = (...names: string[]) => new Set(names);

describe("marks of pods", () => {
  it("are given to who works, once, and to nobody else", () => {
    const marks = createMarks();
    expect(marks.look([pod("a"), pod("b")], busy("a", "not-here"), 0)).toEqual([{ pod: "a", annotations: MARK }]);
    expect(marks.look([pod("a", BUSY_COST), pod("b")], busy("a"), 1)).toEqual([]);
  });

  it("go when their worker has had nothing to do for a while, and not between two short jobs", () => {
    const marks = createMarks();
    const marked = [pod("a", BUSY_COST)];
    expect(marks.look(marked, busy("a"), 0)).toEqual([]);
    expect(marks.look(marked, busy(), CALM_MS - 1)).toEqual([]);
    expect(marks.look(marked, busy("a"), CALM_MS)).toEqual([]);
    expect(marks.look(marked, busy(), 2 * CALM_MS - 1)).toEqual([]);
    expect(marks.look(marked, busy(), 2 * CALM_MS)).toEqual([{ pod: "a", annotations: NO_MARK }]);
  });

  it("that another marker left are taken over, and go when it has been seen long enough that nobody works", () => {
    const marks = createMarks();
    expect(marks.look([pod("a", BUSY_COST)], busy(), 5)).toEqual([]);
    expect(marks.look([pod("a", BUSY_COST)], busy(), 5 + CALM_MS)).toEqual([{ pod: "a", annotations: NO_MARK }]);
  });

  it("that somebody else gave stay as they are", () => {
    const marks = createMarks();
    const others = [pod("a", "-50"), pod("b", "7"), pod("c", "7", "false"), pod("d", undefined, "false")];
    expect(marks.look(others, busy("a"), 0)).toEqual([]);
    expect(marks.look(others, busy(), 10 * CALM_MS)).toEqual([]);
  });

  it("are whole: a half one is completed, and what somebody else says of evictions is neither changed nor taken away", () => {
    const marks = createMarks();
    const half = { name: "a", cost: BUSY_COST, eviction: undefined };
    expect(marks.look([half], busy("a"), 0)).toEqual([{ pod: "a", annotations: { [EVICTION_ANNOTATION]: "false" } }]);
    const given = pod("b", undefined, "true");
    expect(marks.look([given], busy("b"), 0)).toEqual([{ pod: "b", annotations: { [COST_ANNOTATION]: BUSY_COST } }]);
    const marked = pod("b", BUSY_COST, "true");
    expect(marks.look([marked], busy(), CALM_MS)).toEqual([{ pod: "b", annotations: { [COST_ANNOTATION]: null } }]);
  });

  it("forget pods that are gone: one that comes back under the name begins anew", () => {
    const marks = createMarks();
    marks.look([pod("a", BUSY_COST)], busy("a"), 0);
    marks.look([], busy(), CALM_MS);
    expect(marks.look([pod("a", BUSY_COST)], busy(), CALM_MS)).toEqual([]);
  });
});
