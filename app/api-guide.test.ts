import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { endedJob, portOf } from "../test/bad-input/case.ts";
import { startTestApi, type TestApi } from "../test/servers/api.ts";
import { TEST_KEYS, testToken } from "../test/servers/credentials.ts";
import { startProgram } from "../test/servers/programs.ts";

let api: TestApi;
let url: string;
beforeAll(async () => {
  api = await startTestApi();
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  url = `http://127.0.0.1:${portOf(api)}`;
});
afterAll(() => api.close());

const [, ...blocks] = readFileSync(new URL("../docs/api.md", import.meta.url), "utf8").split("```sh\n");
const scripts = blocks.map((block) => block.split("```")[0] ?? "");

/** Runs an example of the guide as it stands there. */
async function run(script: string | undefined, env: Record<string, string>): Promise<string> {
  const PATH = process.env["PATH"] ?? "";
  const program = startProgram(["bash", "-euo", "pipefail", "-c", script ?? "exit 9"], {
    env: { PATH, URL: url, ...env },
  });
  const status = await program.ended;
  expect(status, program.output()).toBe(0);
  return program.output();
}

function scriptWith(words: string): string | undefined {
  return scripts.find((script) => script.includes(words));
}

it("signs a request with bash and openssl as docs/api.md says", async () => {
  const [key] = TEST_KEYS["hmac-keys"];
  const output = await run(scriptWith("openssl"), { KEY: key.id, SECRET: key.secret });
  expect(JSON.parse(output)).toMatchObject({ kind: "sum", state: "queued" });
});

it("makes jobs and batches with a token as docs/api.md says", async () => {
  const TOKEN = await testToken();
  expect(await run(scriptWith("idempotency-key"), { TOKEN })).toContain('"kind":"speech"');
  expect(await run(scriptWith("/api/v1/batches"), { TOKEN })).toContain('"size":2');
  expect(await run(scriptWith("/api/v1/queues"), { TOKEN })).toContain('"queues":[');
});

it("watches a job and gets a part of its artifact as docs/api.md says", async () => {
  const [TOKEN, ID] = [await testToken(), await endedJob(api, true)];
  const events = await run(scriptWith("/events"), { TOKEN, ID });
  expect([...events.matchAll(/^event: (\S+)$/gm)].map(([, type]) => type)).toEqual([
    ...["made", "started", "attempt-ended", "finished"],
  ]);
  expect(await run(scriptWith("/artifact"), { TOKEN, ID })).toContain("RIFF-something");
});

it("runs every example", () => {
  const run = ["openssl", "idempotency-key", "/api/v1/batches", "/api/v1/queues", "/events", "/artifact"];
  for (const script of scripts)
    expect(
      run.filter((words) => script.includes(words)),
      script,
    ).toHaveLength(1);
});
