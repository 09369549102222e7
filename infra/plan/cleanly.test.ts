import { expect, test } from "vitest";
import { cleanly, cleanlyGivenUp } from "./cleanly.ts";

/** What was done and said, and what was thrown. */
async function did(work?: Error, clearing?: Error) {
  const done: string[] = [];
  const step = (name: string, fault?: Error) => async () => {
    done.push(name);
    if (fault) throw fault;
  };
  const say = async (text: string) => {
    done.push(`said ${text}`);
  };
  const thrown: unknown = await cleanly(step("work", work), step("cleared", clearing), say).catch(
    (error: unknown) => error,
  );
  return { done, thrown };
}

const [bad, stuck] = [new Error("it is worse"), new Error("it stays")];

test("it clears up behind what went well and what did not", async () => {
  expect(await did()).toEqual({ done: ["work", "cleared"], thrown: undefined });
  expect(await did(bad)).toEqual({ done: ["work", "cleared"], thrown: bad });
});

test("a fault while clearing up is thrown alone, and said beside another", async () => {
  expect(await did(undefined, stuck)).toEqual({ done: ["work", "cleared"], thrown: stuck });
  expect(await did(bad, stuck)).toEqual({ done: ["work", "cleared", "said it stays"], thrown: bad });
});

test("what needs no clearing up where it went well is cleared up behind a fault alone", async () => {
  const done: string[] = [];
  const step = (name: string, fault?: Error) => async () => {
    done.push(name);
    if (fault) throw fault;
  };
  const say = () => Promise.resolve();
  await cleanlyGivenUp(step("good"), step("cleared"), say);
  await expect(cleanlyGivenUp(step("bad", bad), step("cleared"), say)).rejects.toBe(bad);
  expect(done).toEqual(["good", "bad", "cleared"]);
});
