import { afterEach, expect, test, vi } from "vitest";
import { CommandError, UserError } from "../command.ts";
import { StackLocked } from "../lock.ts";
import { goBack, type WayBack } from "./going-back.ts";

const interrupted = vi.hoisted(() => ({ isTrue: false }));
vi.mock(import("../command.ts"), async (original) => ({
  ...(await original()),
  wasInterrupted: () => interrupted.isTrue,
}));
afterEach(() => {
  interrupted.isTrue = false;
});

const fault = new UserError("The new release answers 500.", 1);
const images = { api: "sha256:a", worker: "sha256:w" };
const to: WayBack = { kind: "to", version: "0.1.0", images };

interface World {
  readonly way?: () => Promise<WayBack>;
  readonly bring?: () => Promise<void>;
}

/** What becomes of a fault, and with which images somebody went back. */
async function became(
  error: unknown,
  { way = () => Promise.resolve(to), bring = () => Promise.resolve() }: World = {},
) {
  const brought: unknown[] = [];
  const bringBack = async (asked: unknown) => {
    brought.push(asked);
    await bring();
  };
  const result = await goBack(error, { stack: "mine", wayBack: way, bringBack });
  return { result, brought, text: result instanceof Error ? result.message : "" };
}

test("the release before is brought back by its images, and the fault says so, with its exit code", async () => {
  const { result, brought, text } = await became(fault);
  expect(brought).toEqual([images]);
  expect(text).toBe(
    "The new release answers 500.\n\nGone back to 0.1.0 by itself; Pulumi.mine.yaml names it until the next ./slipway deploy.",
  );
  expect(result).toBeInstanceOf(UserError);
  expect(result).toMatchObject({ exitCode: 1 });
});

test("where there is no way back, nothing is touched and the fault says why", async () => {
  const { brought, text } = await became(fault, {
    way: () => Promise.resolve({ kind: "none", why: "nothing served" }),
  });
  expect(brought).toEqual([]);
  expect(text).toBe("The new release answers 500.\n\nIt stays as it is: nothing served.");
});

test("a look at what runs that fails hides no fault", async () => {
  const { brought, text } = await became(fault, { way: () => Promise.reject(new Error("no engine")) });
  expect(brought).toEqual([]);
  expect(text).toContain("The new release answers 500.");
  expect(text).toContain("could not be told: no engine");
});

test("where going back fails too, both are said", async () => {
  const { text } = await became(fault, { bring: () => Promise.reject(new Error("no room")) });
  expect(text).toBe("The new release answers 500.\n\nGoing back to 0.1.0 by itself failed too: no room");
});

test("where somebody ends it meanwhile, that is said, with what goes on", async () => {
  const bring = () => {
    interrupted.isTrue = true;
    return Promise.reject(new UserError("Interrupted.", 130));
  };
  expect((await became(fault, { bring })).text).toBe(
    "The new release answers 500.\n\nInterrupted while going back to 0.1.0; make up STACK=mine goes on with that.",
  );
});

test.each<[string, unknown, boolean]>([
  ["a command of ours failed", new CommandError("pulumi", "ended with 255", 255, "no such stack"), false],
  ["something else broke", new Error("a bug"), false],
  ["the deploy was interrupted", fault, true],
])("nothing is gone back from where %s, which says nothing of the release", async (_, error, isTrue) => {
  interrupted.isTrue = isTrue;
  const { result, brought } = await became(error);
  expect(result).toBe(error);
  expect(brought).toEqual([]);
});

test("where somebody else deploys, what runs is theirs: nobody goes back from it", async () => {
  const locked = new StackLocked("mine", []);
  const { result, brought } = await became(locked);
  expect(result).toBe(locked);
  expect(brought).toEqual([]);
});
