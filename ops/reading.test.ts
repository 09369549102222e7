import { expect, test } from "vitest";
import { z } from "zod";
import type { ProgressEvent } from "../backup/protocol.ts";
import { UserError } from "../toolchain/command.ts";
import { listSchema } from "./agent-messages.ts";
import { Reading } from "./reading.ts";

const schema = z.object({ n: z.int() });
const line = (event: object) => JSON.stringify(event);

function failureOf(work: () => unknown): UserError {
  try {
    work();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("progress goes on, and the result comes with the code", () => {
  const seen: ProgressEvent[] = [];
  const reading = new Reading("drill", schema, (event) => seen.push(event));
  reading.line(line({ event: "progress", step: "postgres", doneBytes: 1, totalBytes: 2, more: "of a newer agent" }));
  reading.line("");
  reading.line(line({ event: "news of a newer agent" }));
  reading.line(line({ event: "result", result: { n: 7, more: true } }));
  expect(reading.end(3)).toEqual({ code: 3, result: { n: 7 } });
  expect(seen).toEqual([{ event: "progress", step: "postgres", doneBytes: 1, totalBytes: 2 }]);
});

test.each([
  [1, 1],
  [3, 3],
  [75, 75],
  [0, 1],
  [78, 1],
  [137, 1],
])("a failure with code %d ends this command with %d and the agent's own words", (code, exitCode) => {
  const reading = new Reading("backup", schema);
  reading.line(line({ event: "failure", message: "backup: another one is running" }));
  expect(failureOf(() => reading.end(code))).toMatchObject({ message: "backup: another one is running", exitCode });
});

test("without an answer there is the end of the log, and never more than that", () => {
  const reading = new Reading("backup --full", schema);
  for (let n = 1; n <= 100; n++) reading.logLine(`line ${n}`);
  const { message, exitCode } = failureOf(() => reading.end(137));
  expect(exitCode).toBe(1);
  expect(message).toContain("`backup --full` ended with 137 and without an answer");
  expect(message.match(/line \d+/g)).toEqual(Array.from({ length: 15 }, (_, n) => `line ${86 + n}`));
  expect(failureOf(() => new Reading("list", schema).end(0)).message).toContain("it logged nothing either");
});

test.each([
  ["no JSON", "Segmentation fault"],
  ["no event", line({ result: 1 })],
  ["a wrong progress", line({ event: "progress", step: 1 })],
  ["a result of another shape", line({ event: "result", result: { n: "7" } })],
])("%s is refused with the line and how to mend it", (_, text) => {
  const { message } = failureOf(() => {
    new Reading("list", schema).line(text);
  });
  expect(message).toContain(text);
  expect(message).toContain("make up");
});

test("a list of the agent's is taken as it is", () => {
  const backup = {
    ...{
      label: "20261129-023000F",
      type: "full",
      startedAt: "2026-11-29T02:30:00.000Z",
      endedAt: "2026-11-29T02:30:41Z",
    },
    ...{ databaseBytes: 1, addedBytes: 1, artifacts: { count: 1, bytes: 1, addedBytes: 0 }, redisBytes: 88 },
    ...{ migrationLevel: 12, jobs: 3, keyId: "ab", repositories: ["local"], faults: [] },
  };
  const list = { backups: [backup], key: { id: "ab", isEscrowed: false }, archive: { behindSeconds: 1.5 } };
  const reading = new Reading("list", listSchema);
  reading.line(line({ event: "result", result: list }));
  expect(reading.end(0).result).toEqual(list);
});
