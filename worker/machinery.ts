import { availableParallelism } from "node:os";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RuntimeConfig } from "../configs/runtime.ts";
import type { Check } from "../jobs/health.ts";
import type { Logger } from "../jobs/log.ts";
import { reasonOf, untilItWorks } from "../jobs/patience.ts";
import type { CloseStack } from "../jobs/process.ts";
import { startGpuMonitor, type GpuSample } from "./gpu.ts";
import { createPool, type Pool, type PoolState } from "./pool/pool.ts";

/** What runs handlers in a worker: the pool with its engines, and the GPUs. */
export interface Machinery {
  /** Fine while a place takes jobs and every GPU answers. They ask this process alone. */
  readonly checks: readonly Check[];
  /**
   * Starts the places; tries again for a minute, since a model's folder or a driver may come late.
   *
   * @throws OutOfPatience with the last reason
   */
  start(stopped: AbortSignal): Promise<void>;
  /** The pool. @throws Error before it has started */
  runner(): Pool;
  pool(): PoolState | undefined;
  gpus(): readonly GpuSample[];
  /** Tells each good look at the GPUs from now on. */
  onGpus(tell: (gpus: readonly GpuSample[]) => Promise<void>): void;
}

type Config = RuntimeConfig<"worker">;

/** Opens it: GPUs are looked at from now on, places come with `start`. What was opened is on the stack. */
export function openMachinery(config: Config, log: Logger, stack: CloseStack): Machinery {
  let tell: (gpus: readonly GpuSample[]) => Promise<void> = async () => undefined;
  const monitor =
    config.WORKER_GPU === "nvidia"
      ? startGpuMonitor({ everyMs: config.GPU_SAMPLE_SECONDS * 1000, log, onSample: (gpus) => void tell(gpus) })
      : undefined;
  if (monitor) stack.add("GPU monitor", () => monitor.close());
  const places = new Places((stopped) => createPool(poolOptions(config, log, stopped)), monitor?.check);
  return {
    checks: monitor ? [places.check, monitor.check] : [places.check],
    start: async (stopped) => {
      await untilItWorks(() => places.start(stopped), { what: "the pool", log, signal: stopped });
      stack.add("pool", () => places.runner().close());
    },
    runner: () => places.runner(),
    pool: () => places.state(),
    gpus: () => monitor?.gpus() ?? [],
    onGpus: (next) => (tell = next),
  };
}

/** A pool that is there later. */
class Places {
  readonly check: Check = { name: "pool", run: () => this.#check() };
  readonly #open: (stopped: AbortSignal) => Promise<Pool>;
  readonly #first: Check | undefined;
  #pool: Pool | undefined;
  #fault = "its places still start";

  constructor(open: (stopped: AbortSignal) => Promise<Pool>, first: Check | undefined) {
    this.#open = open;
    this.#first = first;
  }

  async start(stopped: AbortSignal): Promise<void> {
    try {
      await this.#first?.run(); // A place on a GPU that does not answer may hang.
      this.#pool = await this.#open(stopped);
    } catch (error) {
      this.#fault = reasonOf(error);
      throw error;
    }
  }

  runner(): Pool {
    if (!this.#pool) throw new Error("the pool was asked for before it has started");
    return this.#pool;
  }

  state(): PoolState | undefined {
    return this.#pool?.state();
  }

  async #check(): Promise<void> {
    if (!this.#pool) throw new Error(this.#fault);
    await this.#pool.check();
  }
}

function poolOptions(config: Config, log: Logger, stopped: AbortSignal) {
  const places = placesFor(config);
  const threads = Math.max(1, Math.floor(availableParallelism() / places));
  const kokoro = { modelDir: config.KOKORO_MODEL_DIR, device: config.KOKORO_DEVICE, threads };
  return {
    kind: config.WORKER_POOL,
    places,
    program: { entry: placeProgram(), heapMiB: config.WORKER_HEAP_MIB },
    settings: {
      logLevel: config.logLevel,
      objectsUrl: config.OBJECTS_URL,
      speech: { engine: config.SPEECH_ENGINE, kokoro },
    },
    log,
    stopped,
  };
}

/** One place a CPU of the container; a GPU holds one model unless somebody asks for more. */
function placesFor(config: Config): number {
  const onGpu = config.SPEECH_ENGINE === "kokoro" && config.KOKORO_DEVICE === "cuda";
  const usual = onGpu ? 1 : Math.min(availableParallelism(), config.WORKER_CONCURRENCY);
  return config.WORKER_PROCESSES ?? usual;
}

/** Beside this program: a bundle of the same ending, or a source file. */
function placeProgram(): string {
  const here = fileURLToPath(import.meta.url);
  return join(dirname(here), `place${extname(here)}`);
}
