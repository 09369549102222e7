import { spawn } from "node:child_process";
import type { Check } from "../jobs/health.ts";
import type { Logger } from "../jobs/log.ts";
import { reasonOf } from "../jobs/patience.ts";

/** One look at one GPU. What a GPU does not tell is left out. */
export interface GpuSample {
  readonly index: number;
  readonly uuid: string;
  readonly name: string;
  readonly memoryTotalMiB: number;
  readonly memoryUsedMiB: number;
  /** Percent of the time in which it worked. */
  readonly utilisationPercent?: number;
  readonly temperatureCelsius?: number;
  readonly powerWatts?: number;
}

/** Fields that are asked for, in order; `needed` ones must be numbers. */
const FIELDS = [
  { query: "index", as: "index", needed: true },
  { query: "uuid", as: "uuid", needed: true },
  { query: "name", as: "name", needed: true },
  { query: "memory.total", as: "memoryTotalMiB", needed: true },
  { query: "memory.used", as: "memoryUsedMiB", needed: true },
  { query: "utilization.gpu", as: "utilisationPercent", needed: false },
  { query: "temperature.gpu", as: "temperatureCelsius", needed: false },
  { query: "power.draw", as: "powerWatts", needed: false },
] as const;

const QUERY = [`--query-gpu=${FIELDS.map(({ query }) => query).join(",")}`, "--format=csv,noheader,nounits"];

/** How long nvidia-smi may take, in milliseconds. A healthy driver answers in some 50; a sick one may never. */
const TIMEOUT_MS = 5000;
const MAX_OUTPUT = 64 * 1024;
const SHOWN_CHARACTERS = 200;

/** Words for a value that a GPU does not have. Anything else that is no number is a fault. */
const ABSENT = /^\[?(N\/A|Not Supported)\]?$/i;

/** The GPUs of this host cannot be used. */
export class GpuFault extends Error {
  override readonly name = "GpuFault";
}

/**
 * Asks NVML, by nvidia-smi, for all GPUs.
 *
 * @throws GpuFault with the reason: not installed, no answer, no driver, no GPU, or text that is no answer
 */
export async function readGpus(program = "nvidia-smi", timeoutMs = TIMEOUT_MS): Promise<GpuSample[]> {
  const { status, output } = await ask(program, timeoutMs);
  if (status !== 0) throw new GpuFault(`nvidia-smi ended with ${status ?? "a signal"}: ${shown(output)}`);
  return parseGpus(output);
}

/**
 * Reads what nvidia-smi printed.
 *
 * @throws GpuFault naming what is no answer
 */
export function parseGpus(output: string): GpuSample[] {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) throw new GpuFault("nvidia-smi found no GPU; give the container one, or set WORKER_GPU=none");
  return lines.map(parseLine);
}

function parseLine(line: string): GpuSample {
  const values = line.split(",").map((value) => value.trim());
  if (values.length !== FIELDS.length) {
    throw new GpuFault(`nvidia-smi said ${shown(line)}; expected ${FIELDS.length} values, got ${values.length}`);
  }
  const read = Object.fromEntries(FIELDS.map((field, at) => [field.as, values[at] ?? ""]));
  const number = (name: (typeof FIELDS)[number]["as"]) => parseNumber(name, read[name] ?? "");
  const needed = (name: (typeof FIELDS)[number]["as"]) => {
    const value = number(name);
    if (value === undefined)
      throw new GpuFault(`nvidia-smi said ${shown(read[name] ?? "")} for ${name}, must be a number`);
    return value;
  };
  const [utilisationPercent, temperatureCelsius, powerWatts] = [
    number("utilisationPercent"),
    number("temperatureCelsius"),
    number("powerWatts"),
  ];
  return {
    index: needed("index"),
    uuid: read["uuid"] ?? "",
    name: read["name"] ?? "",
    memoryTotalMiB: needed("memoryTotalMiB"),
    memoryUsedMiB: needed("memoryUsedMiB"),
    ...(utilisationPercent === undefined ? {} : { utilisationPercent }),
    ...(temperatureCelsius === undefined ? {} : { temperatureCelsius }),
    ...(powerWatts === undefined ? {} : { powerWatts }),
  };
}

function parseNumber(name: string, value: string): number | undefined {
  if (ABSENT.test(value)) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value);
  throw new GpuFault(
    `nvidia-smi said ${shown(value)} for ${name}, must be a number; see dmesg for Xid errors of the driver`,
  );
}

function shown(text: string): string {
  return JSON.stringify(text.trim().slice(0, SHOWN_CHARACTERS));
}

/** Does not wait for the end of a program that hangs: one that waits for the driver cannot even be killed. */
async function ask(program: string, timeoutMs: number): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LANG: "C.UTF-8" };
    const child = spawn(program, QUERY, { stdio: ["ignore", "pipe", "pipe"], env });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
      child.unref();
      reject(new GpuFault(`nvidia-smi gave no answer within ${timeoutMs / 1000} s; the driver hangs`));
    }, timeoutMs);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(0, MAX_OUTPUT);
      });
    }
    child.once("error", (error) => {
      clearTimeout(timer);
      const missing = "code" in error && error.code === "ENOENT";
      const fix = "give the container an NVIDIA GPU (its runtime mounts the program), or set WORKER_GPU=none";
      reject(new GpuFault(missing ? `nvidia-smi was not found; ${fix}` : `nvidia-smi: ${error.message}`));
    });
    child.once("close", (status) => {
      clearTimeout(timer);
      resolve({ status, output });
    });
  });
}

export interface GpuMonitorOptions {
  /** Milliseconds between two looks. */
  readonly everyMs: number;
  readonly log: Logger;
  /** Told of each good look. */
  readonly onSample?: (gpus: readonly GpuSample[]) => void;
  readonly program?: string;
  readonly timeoutMs?: number;
}

/** Looks at the GPUs again and again. */
export interface GpuMonitor {
  /** Not ready before the first good look, and while the last one was bad. */
  readonly check: Check;
  /** The last good look; empty before it and while the last one was bad. */
  gpus(): readonly GpuSample[];
  close(): Promise<void>;
}

/** Starts to look; the first look is under way when it returns. */
export function startGpuMonitor(options: GpuMonitorOptions): GpuMonitor {
  const { everyMs, log, onSample, program, timeoutMs } = options;
  const known = new Map<string, string>();
  let gpus: readonly GpuSample[] = [];
  let fault: string | undefined = "not looked at yet";
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function look(): Promise<void> {
    try {
      const found = await readGpus(program, timeoutMs);
      needAll(known, found);
      if (fault !== undefined) log.info({ gpus: found }, "GPUs answer");
      [gpus, fault] = [found, undefined];
      onSample?.(found);
    } catch (error) {
      const reason = reasonOf(error);
      if (fault !== reason) log.error({ reason }, "GPUs cannot be used");
      [gpus, fault] = [[], reason];
    }
    if (!closed) timer = setTimeout(() => void (looking = look()), everyMs);
  }
  let looking = look();

  return {
    check: {
      name: "gpu",
      run: async () => {
        if (fault !== undefined) throw new GpuFault(fault);
      },
    },
    gpus: () => gpus,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

/** A GPU that fell off the bus is no longer listed: one that was there once must stay. */
function needAll(known: Map<string, string>, found: readonly GpuSample[]): void {
  for (const { uuid, name } of found) known.set(uuid, name);
  const lost = [...known].filter(([uuid]) => !found.some((gpu) => gpu.uuid === uuid));
  if (lost.length > 0) {
    const names = lost.map(([uuid, name]) => `${name} (${uuid})`).join(", ");
    throw new GpuFault(`lost ${names}; it was there when this worker started. Restart the host or reset the GPU`);
  }
}
