import { expect, it } from "vitest";
import { startProgram } from "../test/servers/programs.ts";

const LOG = new URL("log.ts", import.meta.url).href;

/** Messages of a script's log. */
async function linesOf(script: string): Promise<string[]> {
  return (await logOf(script)).map((line) => (JSON.parse(line) as { msg: string }).msg);
}

/** Runs a script with a log of its own, as a process has it. */
async function logOf(script: string): Promise<string[]> {
  const code = `import { createLog } from "${LOG}"; const log = createLog("api", "info", { everyTurn: true }); ${script}`;
  const program = startProgram([process.execPath, "--input-type=module", "--eval", code]);
  await program.ended;
  return program
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"));
}

it("writes every line of many, in order", async () => {
  const script = `for (let n = 0; n < 2000; n += 1) log.info({ text: "x".repeat(50) }, String(n));`;
  expect(await linesOf(script)).toEqual(Array.from({ length: 2000 }, (_, n) => String(n)));
});

it("writes the last lines when the process ends in the middle of a turn", async () => {
  expect(await linesOf(`log.info("one"); log.error("two"); process.exit(3);`)).toEqual(["one", "two"]);
  expect(await linesOf(`log.info("one"); throw new Error("no");`)).toEqual(["one"]);
});

it("tells nothing of the connection that the database's driver hangs on an error", async () => {
  const script = `const err = Object.assign(new Error("broke"), { client: { secretKey: 4711 } }); log.warn({ err }, "idle");`;
  const [line] = await logOf(script);
  expect(line).toContain("broke");
  expect(line).not.toContain("4711");
});
