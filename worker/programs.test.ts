import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build as bundle, type Plugin } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { POOLS, type PoolKind } from "../configs/worker-settings.ts";
import { bundleOptions } from "../infra/images/bundle-options.ts";
import { IMAGES } from "../infra/images/contexts.ts";
import { insertJob } from "../jobs/store.ts";
import { freePort, startProgram, until, type RunningProgram } from "../test/servers/programs.ts";
import { startStack, type TestStack } from "../test/servers/stack.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** The bundles of the worker with kinds that misbehave. */
const testKinds: Plugin = {
  name: "test-kinds",
  setup(build) {
    build.onLoad({ filter: /[\\/]jobs[\\/]kinds-folder\.ts$/ }, () => ({
      contents: `import { TEST_KINDS } from "../worker/pool/test-kinds.ts";
        export async function loadKindFiles() { return [...TEST_KINDS].map(([name, exported]) => ({ name, exported })); }`,
      loader: "js",
      resolveDir: join(root, "jobs"),
    }));
  },
};

let stack: TestStack;
let bundles = "";
const started = new Set<RunningProgram>();
beforeAll(async () => {
  bundles = mkdtempSync(join(tmpdir(), "slipway-worker-"));
  const { worker, place } = IMAGES.worker.bundles;
  const bundling = bundle({
    ...bundleOptions(root),
    entryPoints: { worker, place },
    outdir: bundles,
    plugins: [testKinds],
  });
  [stack] = await Promise.all([startStack(), bundling]);
});
afterAll(async () => {
  rmSync(bundles, { recursive: true, force: true });
  await stack.close();
});
beforeEach(() => stack.reset());
afterEach(async () => {
  for (const program of started) await program.stop("SIGKILL");
  started.clear();
});

interface Running {
  readonly program: RunningProgram;
  readonly url: string;
  /** Pids of its places. */
  readonly places: () => number[];
}

async function start(pool: PoolKind, env: Record<string, string> = {}, args: string[] = []): Promise<Running> {
  const port = await freePort();
  const PATH = process.env["PATH"] ?? "";
  const program = startProgram([process.execPath, join(bundles, "worker.mjs"), `--pool=${pool}`, ...args], {
    cwd: bundles,
    env: { PATH, ...stack.env, PORT: String(port), WORKER_PROCESSES: "1", ...env },
  });
  started.add(program);
  const url = `http://127.0.0.1:${port}`;
  await until("the worker is ready", async () => (await ready(url)) === 200);
  return { program, url, places: () => children(program.pid) };
}

async function ready(url: string): Promise<number> {
  return fetch(`${url}/health/ready`).then(
    (answer) => answer.status,
    () => 0,
  );
}

function children(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => new RegExp(`^PPid:\\s+${pid}$`, "m").test(statusOf(each)));
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return ""; // It ended meanwhile.
  }
}

const isAlive = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(statusOf(pid));

let next = 0;
async function make(kind: string, params: unknown): Promise<string> {
  next += 1;
  const id = String(BigInt(next) << 22n);
  await insertJob(stack.pool, { id, tenant: "default", kind, queue: "default", params });
  return id;
}

interface Row {
  readonly state: string;
  readonly attempt: number;
  readonly error: { readonly code: string } | null;
}

async function row(id: string): Promise<Row | undefined> {
  return (await stack.pool.query<Row>("SELECT state, attempt, error FROM jobs WHERE id = $1", [id])).rows[0];
}

async function reaches(id: string, state: string): Promise<Row | undefined> {
  let seen: Row | undefined;
  await until(`job ${id} is ${state}`, async () => (seen = await row(id))?.state === state, 30_000);
  return seen;
}

describe.each(POOLS)("a worker with a pool of kind %s, as a program", (pool) => {
  it("is not ready and takes nothing more once it is told to stop, finishes what runs, and ends with 0", async () => {
    const { program, url, places } = await start(pool);
    const running = await make("sleep", { ms: 1500 });
    await reaches(running, "active");
    const stopping = program.stop("SIGTERM");
    // As whoever signals every process of a container does, and people who are in a hurry do.
    for (const place of places()) process.kill(place, "SIGTERM");
    process.kill(program.pid, "SIGTERM");
    await until("it is not ready", async () => (await ready(url)) === 503);
    const late = await make("sleep", { ms: 1 });
    expect(await stopping).toBe(0);
    expect(await row(running)).toMatchObject({ state: "succeeded", attempt: 1 });
    expect(await row(late)).toMatchObject({ state: "queued" });
    expect((await stack.pool.query("SELECT 1 FROM workers WHERE lease_until > now()")).rows).toEqual([]);
  });

  it("hands back what does not finish within the drain time, and another worker does it", async () => {
    const first = await start(pool, { DRAIN_SECONDS: "4" });
    const [long, deaf] = [await make("wait", {}), await make("deaf", {})];
    await Promise.all([reaches(long, "active"), reaches(deaf, "active")]);
    expect(await first.program.stop("SIGTERM")).toBe(0);
    expect(await row(long)).toMatchObject({ state: "queued", attempt: 1 });
    expect(await row(deaf)).toMatchObject({ state: "queued", attempt: 1 });
    await start(pool);
    await reaches(long, "active");
  });

  it(
    "ends a handler that blocks longer than its time, and does its neighbours again",
    { timeout: 90_000 },
    async () => {
      const { program, url } = await start(pool);
      const neighbour = await make("sleep", { ms: 3000 });
      await reaches(neighbour, "active");
      const blocked = await make("block-too-long", { ms: 600_000 });
      expect(await reaches(blocked, "dead")).toMatchObject({ error: { code: "timeout" } });
      // The worker itself goes on to answer meanwhile.
      expect(await ready(url)).toBe(200);
      expect(await reaches(neighbour, "succeeded")).toMatchObject({ attempt: 2 });
      expect(program.output()).toContain("went on for 5 s after it was told to stop");
      expect(await (await fetch(`${url}/metrics`)).text()).toContain("slipway_worker_place_restarts_total 1");
    },
  );

  it("writes what it is beside its lease", async () => {
    await start(pool, {}, ["--concurrency=3"]);
    const { rows } = await stack.pool.query("SELECT pool, concurrency, gpus FROM workers");
    expect(rows).toEqual([{ pool, concurrency: 3, gpus: null }]);
  });
});

describe("processes of a worker", () => {
  it("are started again when one is killed, and its jobs are done again", async () => {
    const { places } = await start("process");
    const jobs = [await make("sleep", { ms: 2000 }), await make("sleep", { ms: 2000 })];
    for (const id of jobs) await reaches(id, "active");
    for (const place of places()) process.kill(place, "SIGKILL");
    for (const id of jobs) expect(await reaches(id, "succeeded")).toMatchObject({ attempt: 2 });
  });

  it("leave no orphan when the worker is killed, even when a handler blocks", async () => {
    const { program, places } = await start("process", {}, ["--processes=2"]);
    const blocked = await make("block", { ms: 600_000 });
    const spawning = await make("spawn", {});
    await reaches(blocked, "active");
    await reaches(spawning, "succeeded");
    const { rows } = await stack.pool.query<{ result: { child: number } }>("SELECT result FROM jobs WHERE id = $1", [
      spawning,
    ]);
    const all = [...places(), rows[0]?.result.child ?? 0];
    expect(all.map(isAlive)).toEqual([true, true, true]);
    await program.stop("SIGKILL");
    await until("every one of them is gone", () => !all.some(isAlive));
  });

  it("know no secret: not by environment, command line or what they print", async () => {
    const { program, places } = await start("process");
    const [place = 0] = places();
    const seen = [`/proc/${place}/environ`, `/proc/${place}/cmdline`].map((path) => readFileSync(path, "utf8")).join();
    expect(seen).toContain("place.mjs");
    expect(seen).not.toMatch(/redis-secret|unused-by-trust|SECRETS_DIR|DATABASE_/);
    expect(program.output()).not.toMatch(/redis-secret|unused-by-trust/);
  });
});

describe("a worker that cannot start", () => {
  it("says on its health route and at its end why its engine is not there", async () => {
    const port = await freePort();
    const env = {
      PATH: process.env["PATH"] ?? "",
      ...stack.env,
      PORT: String(port),
      KOKORO_MODEL_DIR: "/nowhere/kokoro",
    };
    const program = startProgram([process.execPath, join(bundles, "worker.mjs"), "--speech-engine=kokoro"], {
      cwd: bundles,
      env,
    });
    started.add(program);
    const body = async () =>
      fetch(`http://127.0.0.1:${port}/health/ready`).then(
        (answer) => answer.text(),
        () => "",
      );
    await until("it says why", async () =>
      (await body()).includes("/nowhere/kokoro/model.onnx: cannot be read (ENOENT)"),
    );
    expect(await program.stop("SIGTERM")).toBe(0);
  });

  it("is ready, and takes jobs, only while the simulated nvidia-smi answers", async () => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-gpu-"));
    const smi = (body: string) => {
      writeFileSync(join(folder, "nvidia-smi"), `#!/bin/sh\n${body}\n`);
      chmodSync(join(folder, "nvidia-smi"), 0o755);
    };
    const FINE = "echo '0, GPU-aaaa, NVIDIA L4, 23034, 512, 37, 61, 72.15'";
    smi(FINE);
    const PATH = `${folder}:${process.env["PATH"] ?? ""}`;
    const { url, program } = await start("process", { PATH, GPU_SAMPLE_SECONDS: "1" }, ["--gpu=nvidia"]);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      'slipway_worker_gpu_temperature_celsius{gpu="0",uuid="GPU-aaaa",model="NVIDIA L4"} 61',
    );
    const gpus = async () => (await stack.pool.query<{ gpus: unknown }>("SELECT gpus FROM workers")).rows[0]?.gpus;
    expect(await gpus()).toMatchObject([{ uuid: "GPU-aaaa", memoryUsedMiB: 512 }]);
    smi("echo 'Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.'; exit 15");
    await until("it is not ready", async () => (await ready(url)) === 503);
    expect(await (await fetch(`${url}/health/ready`)).text()).toContain("GPU is lost");
    await until("it has noticed", () => program.output().includes("takes nothing new"));
    const waits = await make("echo", {});
    // A worker that takes jobs has an idle one's next within milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await row(waits)).toMatchObject({ state: "queued", attempt: 0 });
    smi(FINE);
    expect(await reaches(waits, "succeeded")).toMatchObject({ attempt: 1 });
  });

  it("takes no jobs while the object store takes nothing", async () => {
    const { url, program } = await start("process");
    const taken = `${stack.objects}.away`;
    renameSync(stack.objects, taken);
    try {
      await until("it has noticed", () => program.output().includes("takes nothing new"));
      // What the route says may be half a second old.
      await until("it says so", async () => (await ready(url)) === 503);
      const waits = await make("echo", {});
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(await row(waits)).toMatchObject({ state: "queued", attempt: 0 });
      renameSync(taken, stack.objects);
      expect(await reaches(waits, "succeeded")).toMatchObject({ attempt: 1 });
    } finally {
      if (existsSync(taken)) renameSync(taken, stack.objects);
    }
  });
});
