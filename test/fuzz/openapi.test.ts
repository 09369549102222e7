import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CommandError, runCommand } from "../../toolchain/command.ts";
import { findFolders, ROOT } from "../../toolchain/folders.ts";
import { pythonEnvironment, type PythonEnvironment } from "../../toolchain/python.ts";
import { bundlePrograms, type Bundles } from "../servers/bundles.ts";
import { testToken } from "../servers/credentials.ts";
import { freePort, startProgram, until, type RunningProgram } from "../servers/programs.ts";
import { startStack, type TestStack } from "../servers/stack.ts";

/** Requests made from our own OpenAPI, sound and broken ones, against the bundled API over real servers. */
let stack: TestStack;
let bundles: Bundles;
let python: PythonEnvironment;
let api: RunningProgram;
let url: string;
const folder = mkdtempSync(join(tmpdir(), "slipway-fuzz-"));

beforeAll(async () => {
  const requirements = join(ROOT, "test/fuzz/requirements.txt");
  [stack, bundles, python] = await Promise.all([
    startStack(),
    bundlePrograms(),
    pythonEnvironment(findFolders(), "python-fuzz", requirements),
  ]);
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  // Without limit of rate: what is looked for is not a refusal.
  const env = { ...stack.env, PORT: String(port), RATE_LIMIT_PER_SECOND: "0" };
  api = startProgram([process.execPath, bundles.path("api")], { cwd: bundles.folder, env });
  await until("the API is ready", async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok === true);
});
afterAll(async () => {
  await api.stop("SIGTERM");
  bundles.remove();
  await stack.close();
  rmSync(folder, { recursive: true });
});

/**
 * positive_data_acceptance: the schema cannot rule out an unknown kind or another kind's parameters.
 * ignored_auth: it takes the token away but sends the header that was given for all requests; app/routes has a test of
 * every route without credentials.
 */
const EXCLUDED = ["positive_data_acceptance", "ignored_auth"];

it("holds what the OpenAPI says for whatever is sent, and answers nothing with 5xx", async () => {
  const seed = String(Math.floor(Math.random() * 2 ** 31));
  const output = await runCommand(
    python.python,
    [
      python.script("schemathesis"),
      ...["run", `${url}/docs/openapi.json`, "--no-color", "--workers", "1"],
      ...["--checks", "all", "--exclude-checks", EXCLUDED.join(",")],
      ...["--exclude-path-regex", "/events$"], // A stream that goes on; its own tests read it.
      ...["--max-examples", "60", "--max-time", "120", "--request-timeout", "10", "--seed", seed],
      ...["--header", `authorization: Bearer ${await testToken()}`],
    ],
    // It writes what it found into the folder where it runs.
    { cwd: folder },
  ).catch((error: unknown) => {
    const said = error instanceof CommandError ? error.output : String(error);
    throw new Error(`schemathesis found faults; again with --seed ${seed}:\n${said}`);
  });
  const cases = Number(/(\d+) generated/.exec(output)?.[1]);
  // In words of ours: its own last line reads like that of a test runner which ran no test.
  process.stdout.write(`schemathesis: ${cases} requests made from our OpenAPI, seed ${seed}\n`);
  expect(cases).toBeGreaterThan(500);
  expect(api.output()).not.toMatch(/"status":5\d\d/);
});
