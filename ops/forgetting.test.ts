import { beforeEach, expect, test } from "vitest";
import type { Ask } from "../toolchain/ask.ts";
import { forget, type ForgetArgs } from "./forgetting.ts";
import type { Generations } from "./generations.ts";
import { claimsOf } from "./volumes.ts";

/** A generation that is forgotten, of a stack and a cluster that the test plays. */
let did: string[];
let generations: Generations;
let isProtected: boolean;
beforeEach(() => {
  did = [];
  generations = { current: "new", kept: ["first", "old"] };
  isProtected = false;
});

const attempts: ForgetArgs["attempts"] = {
  find: async () => undefined,
  generations: async () => ["first", "old", "new"],
  disks: (generation) => claimsOf(generation, true),
  remove: async (generation) => void did.push(`remove ${generation}`),
};
const switching: ForgetArgs["switching"] = {
  generations: () => generations,
  change: async () => undefined,
  forget: async (generation) => {
    did.push(`forget ${generation}`);
    generations = { ...generations, kept: generations.kept.filter((name) => name !== generation) };
  },
  isProtected: async (resources) => isProtected && resources.length > 0,
  deploy: async (allow = []) => {
    did.push(`deploy, ${allow.join(" and ") || "nothing"} may go`);
    return [];
  },
  deployed: async () => generations.current,
};
const forgetting = (generation: string, ask?: Ask) =>
  forget({ attempts, switching, generation, isYes: ask === undefined, ...(ask && { ask }) });

test("goes by a deploy that may delete what it had, and what none had goes after", async () => {
  expect(await forgetting("old")).toMatchObject({ result: { forgotten: "old", current: "new", kept: ["first"] } });
  expect(did).toEqual(["forget old", "deploy, postgres-old and redis-old may go", "remove old"]);
});

test("where it is protected, a deploy that still has it takes that off first", async () => {
  isProtected = true;
  await forgetting("old");
  const deploy = "deploy, postgres-old and redis-old may go";
  expect(did).toEqual([deploy, "forget old", deploy, "remove old"]);
});

test("of the first one in a cluster nothing is a deploy's, and whoever is asked knows what that costs", async () => {
  isProtected = true;
  let asked = "";
  const question = async (text: string) => {
    asked = text;
    return "first";
  };
  await forgetting("first", { isYes: false, question });
  expect(did).toEqual(["forget first", "deploy, nothing may go", "remove first"]);
  expect(asked).toContain("This deletes data-postgres-0 and data-redis-0 with everything on them.");
  expect(asked).toContain("Empty ones are made in their place, and Postgres and Redis are started anew for it.");
});

test("another answer than its name, and one that serves or is not there, delete nothing", async () => {
  const question = async () => "yes";
  await expect(forgetting("old", { isYes: false, question })).rejects.toThrow("nothing was deleted");
  await expect(forgetting("new")).rejects.toThrow("The generation new serves");
  await expect(forgetting("none")).rejects.toThrow('There is no generation "none"');
  expect(did).toEqual([]);
});
