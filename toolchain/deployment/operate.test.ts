import { expect, test } from "vitest";
import type { Output } from "../lines.ts";
import { historyWithin, levelOf, lookWithin, recordWithin } from "./operate.ts";

const LOOK = {
  failing: [],
  applied: [{ version: 4, file: "0004-x.sql", phase: null }],
  waiting: [],
  oldestDueSeconds: 0,
};
const answers = (ran: Output | undefined) => () => Promise.resolve(ran);

test("what the program says is read behind what Node may warn of", async () => {
  const looked = await lookWithin(answers({ code: 0, output: `(node:1) Warning: x\n${JSON.stringify(LOOK)}\n` }));
  expect(looked.kind).toBe("seen");
  expect(levelOf(looked)).toBe(4);
});

test("a database that did not answer has no level: 0 would be one of before the first migration", async () => {
  const away = { ...LOOK, failing: [{ dependency: "database", reason: "no answer" }], applied: [] };
  expect(levelOf(await lookWithin(answers({ code: 0, output: JSON.stringify(away) })))).toBeUndefined();
  expect(levelOf(await lookWithin(answers({ code: 0, output: JSON.stringify({ ...LOOK, applied: [] }) })))).toBe(0);
  expect(levelOf(await lookWithin(answers(undefined)))).toBeUndefined();
});

test.each([
  [undefined, { kind: "nothing runs" }],
  [{ code: 1, output: "Error: Cannot find module '/app/operate.mjs'" }, { kind: "too old" }],
  [
    { code: 1, output: "operate: it broke\n" },
    { kind: "no answer", why: "exit code 1: operate: it broke" },
  ],
  [
    { code: 0, output: "{}" },
    { kind: "no answer", why: "exit code 0: {}" },
  ],
])("%j is %j", async (ran, expected) => {
  expect(await lookWithin(answers(ran))).toEqual(expected);
});

test("the table is told of the newest twenty, and why it could not be is said", async () => {
  const told: (readonly string[])[] = [];
  const record = (number: number) => ({ number, id: "", command: "", by: "", version: "", startedAt: "" });
  const records = Array.from({ length: 30 }, (_, index) => record(index + 1));
  const within = (command: readonly string[]) => {
    told.push(command);
    return Promise.resolve({ code: 0, output: "" });
  };
  expect(await recordWithin(within, records)).toBeUndefined();
  const [numbers] = told.map((command) =>
    (JSON.parse(command[3] ?? "") as { number: number }[]).map(({ number }) => number),
  );
  expect([numbers?.length, numbers?.[0]]).toEqual([20, 11]);
  expect(await recordWithin(answers(undefined), records)).toBe("no API runs");
  expect(await recordWithin(answers({ code: 1, output: "Cannot find module" }), records)).toContain("older");
});

const ROW = {
  ...{ id: "0195f1d2-0000-4000-8000-000000000001", number: 1, command: "make up", by: "me@there", version: "0.1.0" },
  ...{ startedAt: "2026-11-29T02:00:00.000Z", outcome: "succeeded", images: { api: "a", worker: "w" } },
};

test("the table tells of deployments, and of those of a newer release what is known here", async () => {
  const rows = [{ ...ROW, more: 1 }, { ...ROW, outcome: "unheard of" }, "x"];
  const output = `(node:1) Warning: x\n${JSON.stringify(rows)}\n`;
  expect(await historyWithin(answers({ code: 0, output }))).toEqual({ records: [ROW] });
});

test.each([
  [undefined, "no API runs"],
  [{ code: 64, output: 'operate: got "history"; allowed are look, record, rates.' }, "older than the question"],
  [{ code: 1, output: "operate: it broke" }, "exit code 1: operate: it broke"],
  [{ code: 0, output: "{}" }, "exit code 0: {}"],
])("%j tells of none, and why", async (ran, why) => {
  const { records, why: said } = await historyWithin(answers(ran));
  expect(records).toEqual([]);
  expect(said).toContain(why);
});
