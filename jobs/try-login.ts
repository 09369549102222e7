/**
 * Says what a login is to Postgres or Redis, as this container reaches them; `slipway rotate` asks where their servers are not the stack's own
 * containers. The question is a line of JSON on standard input, the answer one on standard output. It changes nothing.
 *
 *     node jobs/try-login.ts
 *
 * Exit: 0 answered, 1 no answer, 78 wrong configuration.
 */
import { createInterface } from "node:readline";
import { loadRuntime } from "../configs/runtime.ts";
import { answer } from "./login-question.ts";
import { reasonOf } from "./patience.ts";
import { loadOrExit } from "./process.ts";

async function main(): Promise<void> {
  const config = loadOrExit((env) => loadRuntime("api", env));
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    try {
      process.stdout.write(`${JSON.stringify(await answer(config, JSON.parse(line)))}\n`);
    } catch (error) {
      process.stderr.write(`no answer: ${reasonOf(error)}\n`);
      process.exitCode = 1;
    }
    break;
  }
  process.stdin.destroy();
}

await main();
