import { z } from "zod";
import { choice, text, whole } from "./settings.ts";

/** Where handlers run. */
export const POOLS = ["process", "threads"] as const;
export type PoolKind = (typeof POOLS)[number];

/** What speaks. Each has a file in `worker/engines`. */
export const SPEECH_ENGINE_NAMES = ["espeak-ng", "kokoro"] as const;
export type SpeechEngineName = (typeof SPEECH_ENGINE_NAMES)[number];

export const KOKORO_DEVICES = ["cpu", "cuda"] as const;
export type KokoroDevice = (typeof KOKORO_DEVICES)[number];

const PROCESSES = "a whole number, 1 to 256 (default: the CPUs of this container, but at most WORKER_CONCURRENCY)";

const HEAP = "a whole number of MiB, 10 to 999999 (default: V8's own limit)";

/** What only a worker reads; queues and concurrency stand in runtime.ts. */
export const WORKER_SETTINGS = {
  WORKER_POOL: choice(POOLS).default("process"),
  /** Processes or threads of the pool. */
  WORKER_PROCESSES: z
    .string()
    .regex(/^([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-6])$/, { error: PROCESSES })
    .transform(Number)
    .optional(),
  /** Most that the JavaScript heap of one place may take, in MiB. */
  WORKER_HEAP_MIB: z
    .string()
    .regex(/^[1-9]\d{1,5}$/, { error: HEAP })
    .transform(Number)
    .optional(),
  SPEECH_ENGINE: choice(SPEECH_ENGINE_NAMES).default("espeak-ng"),
  KOKORO_MODEL_DIR: text("the path of a folder").default("/var/lib/slipway/models/kokoro"),
  KOKORO_DEVICE: choice(KOKORO_DEVICES).default("cpu"),
  /** `nvidia`: the worker is ready only while nvidia-smi answers for every GPU. */
  WORKER_GPU: choice(["none", "nvidia"]).default("none"),
  /** Seconds between two looks at the GPUs. */
  GPU_SAMPLE_SECONDS: whole(1, 300, 5),
} as const;
