import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readWav } from "../jobs/wav.ts";
import { bundlePrograms, PROGRAMS, type Bundles } from "../test/servers/bundles.ts";
import { freePort, startProgram, until, type RunningProgram } from "../test/servers/programs.ts";
import { testAuthorization } from "../test/servers/credentials.ts";
import { migrateDatabase, startStack, type TestStack } from "../test/servers/stack.ts";

let stack: TestStack;
let bundles: Bundles;
const authorization = await testAuthorization();
const running = new Set<RunningProgram>();
beforeAll(async () => {
  [stack, bundles] = await Promise.all([startStack({ migrate: false }), bundlePrograms()]);
});
afterAll(async () => {
  for (const program of running) await program.stop("SIGKILL");
  bundles.remove();
  await stack.close();
});

type Name = keyof typeof PROGRAMS;

/** Only what is given: nothing of the environment of the tests reaches a program. */
function start(name: Name, env: Record<string, string> = {}, args: string[] = []): RunningProgram {
  const PATH = process.env["PATH"] ?? "";
  const program = startProgram([process.execPath, bundles.path(name), ...args], {
    cwd: bundles.folder,
    env: { PATH, ...stack.env, ...env },
  });
  running.add(program);
  return program;
}

async function finish(name: Name, env: Record<string, string> = {}, args: string[] = []) {
  const program = start(name, env, args);
  const status = await program.ended;
  return { status, output: program.output() };
}

async function untilReady(program: RunningProgram, port: number): Promise<void> {
  await until(`the program is ready; it said ${program.output()}`, async () => (await health(port)).status === 0);
}

async function health(port: number) {
  return finish("healthcheck", { PORT: String(port) });
}

async function startReady(name: "api" | "worker", env: Record<string, string> = {}) {
  const port = await freePort();
  const program = start(name, { PORT: String(port), WORKER_QUEUES: "default,cpu", ...env });
  await untilReady(program, port);
  return { program, url: `http://127.0.0.1:${port}` };
}

async function post(url: string, kind: string, params: unknown): Promise<string> {
  const body = JSON.stringify({ kind, params });
  const answer = await fetch(`${url}/api/v1/jobs`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...authorization },
  });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

async function state(url: string, id: string): Promise<{ state: string; attempt: number; result: unknown }> {
  return (await (await fetch(`${url}/api/v1/jobs/${id}`, { headers: authorization })).json()) as {
    state: string;
    attempt: number;
    result: unknown;
  };
}

describe("wrong use", () => {
  const empty = mkdtempSync(join(tmpdir(), "slipway-no-secrets-"));
  it.each([["api"], ["worker"], ["migrate"]] as const)("%s lists every fault and exits 78", async (name) => {
    const env = { APP_ENV: "staging", DATABASE_PORT: "x", SECRETS_DIR: empty };
    const { status, output } = await finish(name, env);
    expect(status).toBe(78);
    expect(output).toContain('APP_ENV: got "staging"; allowed: one of local, dev, test, prod');
    expect(output).toContain('DATABASE_PORT: got "x"; allowed: a whole number, 1 to 65535');
    expect(output).toContain("secret database-password: got no usable secret");
  });

  it("migrate refuses unknown flags", async () => {
    const { status, output } = await finish("migrate", {}, ["--now"]);
    expect(status).toBe(64);
    expect(output).toContain("Allowed: --dry-run, --allow-destructive");
  });

  it("echoes its configuration without any secret", async () => {
    const secrets = mkdtempSync(join(tmpdir(), "slipway-secrets-"));
    writeFileSync(join(secrets, "database-password"), "canary-password");
    const { output } = await finish("migrate", {
      ECHO_CONFIG: "true",
      DATABASE_USER: "slipway_owner",
      SECRETS_DIR: secrets,
    });
    expect(output).toContain('"database-password":"********"');
    expect(output).not.toContain("canary");
  });
});

describe("before the first migration", () => {
  it("prints the SQL without a database", async () => {
    const { status, output } = await finish("migrate", { DATABASE_HOST: "nowhere.invalid", APP_ENV: "none" }, [
      "--dry-run",
    ]);
    expect(status).toBe(0);
    expect(output).toContain("-- 0001-jobs.sql");
    expect(output).toContain("CREATE TABLE jobs");
  });

  it("api and worker wait for the schema, say so, and go on when it is there; several migrations at once are safe", async () => {
    const reset =
      "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION slipway_owner; GRANT USAGE ON SCHEMA public TO slipway_app";
    await stack.asSuperuser(reset);
    const ports = { api: await freePort(), worker: await freePort() };
    const api = start("api", { PORT: String(ports.api) });
    const worker = start("worker", { PORT: String(ports.worker) });
    await until("both answer", async () => {
      const both = await Promise.all([health(ports.api), health(ports.worker)]);
      return both.every(({ output }) => output.includes("migrations"));
    });
    expect((await fetch(`http://127.0.0.1:${ports.api}/health/live`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${ports.api}/api/v1/jobs`, { method: "POST" })).status).not.toBe(202);
    const owner = { DATABASE_USER: "slipway_owner" };
    const migrations = await Promise.all([
      finish("migrate", owner),
      finish("migrate", owner),
      finish("migrate", owner),
    ]);
    expect(migrations.map((m) => m.status)).toEqual([0, 0, 0]);
    expect(migrations.filter((m) => m.output.includes("the database was migrated"))).toHaveLength(1);
    await untilReady(api, ports.api);
    await untilReady(worker, ports.worker);
    expect(await Promise.all([api.stop("SIGTERM"), worker.stop("SIGTERM")])).toEqual([0, 0]);
  });
});

describe("api and worker", () => {
  beforeAll(() => migrateDatabase(stack.env));
  beforeEach(() => stack.reset());

  it("make a spoken sentence, and end with 0 when told to stop", async () => {
    const [api, worker] = await Promise.all([startReady("api"), startReady("worker")]);
    const id = await post(api.url, "speech", { text: "Hello from a bundle." });
    await until("the job is done", async () => (await state(api.url, id)).state === "succeeded");
    const answer = await fetch(`${api.url}/api/v1/jobs/${id}/artifact`, { headers: authorization });
    expect(answer.headers.get("content-type")).toBe("audio/wav");
    const sound = readWav(new Uint8Array(await answer.arrayBuffer()));
    expect(sound.samples.length / 2 / sound.sampleRate).toBeGreaterThan(0.8);
    expect((await (await fetch(`${api.url}/docs/scalar.js`)).text()).length).toBeGreaterThan(100_000);
    expect(await Promise.all([api.program.stop("SIGTERM"), worker.program.stop("SIGTERM")])).toEqual([0, 0]);
    expect((await stack.pool.query("SELECT * FROM workers")).rows).toEqual([]);
    for (const line of api.program.output().trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("time");
  });

  it("do a job once whose worker is killed in the middle of it", async () => {
    const [api, first] = await Promise.all([startReady("api"), startReady("worker")]);
    const text = "A long text, so that there is time. ".repeat(130);
    const id = await post(api.url, "speech", { text, speed: 0.5 });
    await until("it runs", async () => (await state(api.url, id)).state === "active");
    await first.program.stop("SIGKILL");
    const second = await startReady("worker");
    await until("it is done", async () => (await state(api.url, id)).state === "succeeded", 30_000);
    const { rows } = await stack.pool.query(
      "SELECT attempt, outcome FROM attempts WHERE job_id = $1 ORDER BY attempt",
      [id],
    );
    expect(rows).toEqual([
      { attempt: 1, outcome: "lost" },
      { attempt: 2, outcome: "succeeded" },
    ]);
    expect((await stack.pool.query("SELECT attempt FROM artifacts")).rows).toEqual([{ attempt: 2 }]);
    await Promise.all([api.program.stop("SIGTERM"), second.program.stop("SIGTERM")]);
  });

  it("serve every request that comes before the end of the drain", async () => {
    const api = await startReady("api", { DRAIN_LINGER_SECONDS: "1" });
    const stopped = api.program.stop("SIGTERM");
    await until("it drains", async () => (await fetch(`${api.url}/health/ready`)).status === 503);
    const answer = await fetch(`${api.url}/api/v1/jobs/1`, { headers: authorization });
    expect([answer.status, answer.headers.get("connection")]).toEqual([404, "close"]);
    expect(await stopped).toBe(0);
  });

  it("keep the health check tiny and the docs page's script out of the API", () => {
    expect(statSync(bundles.path("healthcheck")).size).toBeLessThan(2000);
    expect(readFileSync(bundles.path("api"), "utf8")).not.toContain("--scalar-border-width");
  });
});
