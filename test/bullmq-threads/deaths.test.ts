import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { bundleOptions } from "../../infra/images/bundle-options.ts";
import { IMAGES } from "../../infra/images/contexts.ts";
import { freePort, startProgram, until, type RunningProgram } from "../servers/programs.ts";
import { startStack, type TestStack } from "../servers/stack.ts";
import { World } from "./world.ts";

/** Whole worker programs that stop or die at a moment that a lock in Postgres holds. */

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const testKinds: Plugin = {
  name: "test-kinds",
  setup(given) {
    given.onLoad({ filter: /[\\/]jobs[\\/]kinds-folder\.ts$/ }, () => ({
      contents: `import { defineKind } from "./kind.ts";
        import { z } from "zod";
        const shape = { params: z.unknown(), result: z.unknown(), queue: "default", timeoutMs: 60000 };
        const handler = async ({ attempt }) => {
          await new Promise((resolve) => setTimeout(resolve, 2000));
          return attempt;
        };
        const work = defineKind({ name: "work", ...shape, retry: { maxAttempts: 1, delayMs: 0 }, handler });
        export async function loadKindFiles() { return [{ name: "work", exported: work }]; }`,
      loader: "js",
      resolveDir: join(root, "jobs"),
    }));
  },
};

let stack: TestStack;
let world: World;
let folder = "";
const started = new Set<RunningProgram>();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-threads-"));
  const { worker, place } = IMAGES.worker.bundles;
  const options = { ...bundleOptions(root), entryPoints: { worker, place }, outdir: folder, plugins: [testKinds] };
  [stack] = await Promise.all([startStack(), build(options)]);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await stack.close();
});
beforeEach(async () => {
  await stack.reset();
  world = await World.open(stack);
});
afterEach(async () => {
  for (const program of started) await program.stop("SIGKILL");
  started.clear();
  await world.close();
});

async function start(): Promise<RunningProgram> {
  const port = await freePort();
  const program = startProgram([process.execPath, join(folder, "worker.mjs"), "--pool=threads"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ...stack.env, PORT: String(port), WORKER_PROCESSES: "1" },
  });
  started.add(program);
  await until("the worker is ready", () => program.output().includes('"msg":"ready"'));
  return program;
}

it("3056: a worker that was stopped for longer than its lock and lease cannot end a job that another one has", async () => {
  const first = await start();
  const id = await world.make();
  await world.reaches(id, "active");
  process.kill(first.pid, "SIGSTOP");
  await start();
  await until("the other one has it", async () => (await world.job(id)).attempt === 2);
  process.kill(first.pid, "SIGCONT");
  expect(await world.ended(id)).toMatchObject({ state: "succeeded", attempt: 2, result: 2 });
  expect(await world.outcomes(id)).toEqual(["lost", "succeeded"]);
  await until("the first one goes on under a new lease", () =>
    first.output().includes("the lease of this worker is lost"),
  );
});

/** Kills a worker that has fetched a wake-up and whose claim waits for a row. */
async function killBeforeClaim(id: string): Promise<() => Promise<void>> {
  const release = await world.holdRow(id);
  const worker = await start();
  await until("its claim waits", async () => (await world.waitingForRows()) === 1);
  expect(await world.redis("LLEN", "slipway:default:active")).toBe(1);
  await worker.stop("SIGKILL");
  return release;
}

it("a worker killed between the fetch of a wake-up and its claim leaves no job behind: the stalled check finds it", async () => {
  const id = await world.make();
  await world.relay();
  const release = await killBeforeClaim(id);
  await stack.asSuperuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
  await release();
  expect(await world.job(id)).toMatchObject({ state: "queued", attempt: 0 });
  await start();
  expect(await world.ended(id)).toMatchObject({ state: "succeeded", attempt: 1 });
});

it("a worker killed while its claim was under way, which then came through, leaves no job behind", async () => {
  const id = await world.make();
  await world.relay();
  const release = await killBeforeClaim(id);
  await release();
  await world.reaches(id, "active");
  await start();
  expect(await world.ended(id)).toMatchObject({ state: "succeeded", attempt: 2 });
  expect(await world.outcomes(id)).toEqual(["lost", "succeeded"]);
});
