import { expect, test } from "vitest";
import { EXIT } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { onceFree } from "./snapshot.ts";

const busy = new UserError("A backup is being made.", EXIT.busy);

/** To test decisions: an agent that answers so, try by try, and a clock that only moves while somebody waits. */
async function asked(...answers: readonly (Error | "made")[]) {
  const said: string[] = [];
  let [tries, clock] = [0, 0];
  const ask = () => {
    const answer = answers[Math.min(tries++, answers.length - 1)];
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const sleep = async (ms: number) => {
    clock += ms;
  };
  const waiting = { say: (text: string) => said.push(text), sleep, now: () => clock };
  const result: unknown = await onceFree(ask, waiting).catch((error: unknown) => error);
  return { result, said, tries, seconds: clock / 1000 };
}

test("a backup that is being made is waited for, and that is said once", async () => {
  expect(await asked(busy, busy, busy, "made")).toEqual({
    ...{ result: "made", tries: 4, seconds: 6 },
    said: ["  Another backup is being made; the snapshot comes after it."],
  });
});

test("nobody waits where the agent is free, or says something else", async () => {
  expect(await asked("made")).toEqual({ result: "made", said: [], tries: 1, seconds: 0 });
  const full = new UserError("The repository is full.", EXIT.failed);
  expect(await asked(full, "made")).toEqual({ result: full, said: [], tries: 1, seconds: 0 });
});

test("after ten minutes the deploy stops with what the agent says", async () => {
  const { result, seconds } = await asked(busy);
  expect(result).toBe(busy);
  expect(seconds).toBeGreaterThanOrEqual(600);
  expect(seconds).toBeLessThan(610);
});
