import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "./command.ts";

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const MAX_NAME = 50;

/** Queues of configs/runtime.ts; a test holds the two together. Nothing here loads the programs' code. */
export const JOB_QUEUES = ["default", "cpu", "gpu", "maintenance"] as const;

/**
 * Writes `jobs/kinds/<name>.ts` and its test, which pass as they are.
 *
 * @param root folder of the checkout
 * @returns paths of the two files within it
 * @throws UserError for a name or queue that cannot be; nothing is written then
 */
export function writeNewJob(root: string, name: string, queue: string): readonly [string, string] {
  if (!NAME.test(name) || name.length > MAX_NAME) {
    throw new UserError(
      `The kind's name is ${JSON.stringify(name)}; allowed are words of a-z and 0-9 joined by dashes, beginning with a letter, ` +
        `${MAX_NAME} characters at most: make new-job NAME=resize-image`,
    );
  }
  if (!JOB_QUEUES.some((known) => known === queue)) {
    throw new UserError(`The queue is ${JSON.stringify(queue)}; allowed are ${JOB_QUEUES.join(", ")}.`);
  }
  const files = [`jobs/kinds/${name}.ts`, `jobs/kinds/${name}.test.ts`] as const;
  for (const file of files) {
    if (existsSync(join(root, file))) {
      throw new UserError(`${file} is there already. Take another name, or edit that file.`);
    }
  }
  mkdirSync(dirname(join(root, files[0])), { recursive: true });
  writeFileSync(join(root, files[0]), kindFile(name, queue), { flag: "wx" });
  writeFileSync(join(root, files[1]), testFile(name), { flag: "wx" });
  return files;
}

function kindFile(name: string, queue: string): string {
  return `import { z } from "zod";
import { defineKind } from "../kind.ts";

/** Says what it does, in a sentence. docs/kinds.md tells what else a kind may have. */
export default defineKind({
  name: "${name}",
  params: z.strictObject({ text: z.string().max(1000) }),
  result: z.strictObject({ characters: z.int().min(0) }),
  queue: "${queue}",
  retry: { maxAttempts: 3, delayMs: 1000 },
  timeoutMs: 60_000,
  handler: async (context, { text }) => {
    context.signal.throwIfAborted();
    return { characters: text.length };
  },
});
`;
}

function testFile(name: string): string {
  return `import { expect, it } from "vitest";
import { createTestContext } from "../../test/servers/job-context.ts";
import kind from "./${name}.ts";

it("does its work", async () => {
  expect(await kind.perform(createTestContext(), { text: "hello" })).toEqual({ characters: 5 });
});

it("refuses other parameters", async () => {
  await expect(kind.perform(createTestContext(), { text: 5 })).rejects.toThrow("text");
  await expect(kind.perform(createTestContext(), { text: "hello", more: true })).rejects.toThrow("more");
});
`;
}
