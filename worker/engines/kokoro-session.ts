import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { KokoroDevice } from "../../configs/worker-settings.ts";
import { reasonOf } from "../../jobs/patience.ts";
import { ModelError, STYLE_SIZE } from "./kokoro-files.ts";

type Onnx = typeof import("onnxruntime-node");

/** What the model takes and gives; a dimension of `undefined` may be any. */
const INPUTS: readonly Port[] = [
  { name: "input_ids", type: "int64", shape: [1, undefined] },
  { name: "style", type: "float32", shape: [1, STYLE_SIZE] },
  { name: "speed", type: "float32", shape: [1] },
];
const OUTPUT: Port = { name: "waveform", type: "float32", shape: undefined };

interface Port {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | undefined)[] | undefined;
}

/** One utterance for the model. */
export interface Utterance {
  /** The marks before and after it included. */
  readonly tokens: readonly number[];
  readonly style: Float32Array;
  readonly speed: number;
}

/** A model that is loaded. */
export interface KokoroSession {
  /** Samples between -1 and 1 at 24 kHz. */
  speak(utterance: Utterance): Promise<Float32Array>;
}

/**
 * Loads a model onto a device.
 *
 * @param threads CPU threads of one utterance, 1 or more
 * @throws ModelError naming the file for one that is damaged or foreign; Error for a device that cannot be used
 */
export async function openKokoroSession(path: string, device: KokoroDevice, threads: number): Promise<KokoroSession> {
  const onnx = await loadOnnx();
  // Failures are thrown, and it would print them besides. Which library CUDA lacks it only prints.
  if (device === "cpu") onnx.env.logLevel = "fatal";
  const session = await create(onnx, path, device, threads);
  for (const wanted of INPUTS) checkPort(path, "input", wanted, session.inputMetadata);
  checkPort(path, "output", OUTPUT, session.outputMetadata);
  const foreign = session.inputNames.filter((name) => !INPUTS.some((input) => input.name === name));
  if (foreign.length > 0) {
    throw new ModelError(`${path}: has further inputs ${foreign.join(", ")}; allowed: ${describe(INPUTS)}. ${FOREIGN}`);
  }
  return { speak: (utterance) => speak(onnx, session, path, utterance) };
}

const FOREIGN = "Use the ONNX export of Kokoro-82M.";

async function loadOnnx(): Promise<Onnx> {
  try {
    return await import("onnxruntime-node");
  } catch (error) {
    throw new Error(
      `engine kokoro: onnxruntime-node cannot be loaded (${reasonOf(error)}). Use the image worker-gpu, which has it, or SPEECH_ENGINE=espeak-ng.`,
      { cause: error },
    );
  }
}

async function create(onnx: Onnx, path: string, device: KokoroDevice, threads: number): Promise<InferenceSession> {
  const options = { executionProviders: [device], intraOpNumThreads: threads, logSeverityLevel: 4 } as const;
  try {
    return await onnx.InferenceSession.create(path, options);
  } catch (error) {
    const reason = reasonOf(error);
    if (/ExecutionProvider|shared library|CUDA|cudnn/i.test(reason)) {
      throw new Error(
        `KOKORO_DEVICE: got ${device}, which cannot be used here: ${reason}. Run on a host with an NVIDIA GPU and an image that has ONNX Runtime's CUDA libraries, or set KOKORO_DEVICE=cpu.`,
        { cause: error },
      );
    }
    throw new ModelError(`${path}: cannot be loaded: ${reason} Copy it again. ${FOREIGN}`);
  }
}

function checkPort(
  path: string,
  side: "input" | "output",
  wanted: Port,
  found: readonly InferenceSession.ValueMetadata[],
): void {
  const port = found.find(({ name }) => name === wanted.name);
  const all = found.map(describeFound).join(", ");
  const expected = side === "input" ? describe(INPUTS) : describe([OUTPUT]);
  if (!port?.isTensor || port.type !== wanted.type || !fits(port.shape, wanted.shape)) {
    throw new ModelError(`${path}: has the ${side}s ${all || "none"}; must have ${expected}. ${FOREIGN}`);
  }
}

/** A dimension that has a name instead of a number may be anything. */
function fits(shape: readonly (number | string)[], wanted: Port["shape"]): boolean {
  if (wanted === undefined) return true;
  return (
    shape.length === wanted.length &&
    shape.every(
      (size, index) => typeof size === "string" || size < 0 || wanted[index] === undefined || size === wanted[index],
    )
  );
}

function describe(ports: readonly Port[]): string {
  return ports
    .map(({ name, type, shape }) => `${name} ${type}${shape ? `[${shape.map((size) => size ?? "n").join(",")}]` : ""}`)
    .join(", ");
}

function describeFound(port: InferenceSession.ValueMetadata): string {
  return port.isTensor ? `${port.name} ${port.type}[${port.shape.join(",")}]` : `${port.name} (no tensor)`;
}

async function speak(
  onnx: Onnx,
  session: InferenceSession,
  path: string,
  { tokens, style, speed }: Utterance,
): Promise<Float32Array> {
  const feeds: Record<string, Tensor> = {
    input_ids: new onnx.Tensor("int64", BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
    style: new onnx.Tensor("float32", style, [1, STYLE_SIZE]),
    speed: new onnx.Tensor("float32", Float32Array.of(speed), [1]),
  };
  const { [OUTPUT.name]: waveform } = await session.run(feeds, [OUTPUT.name]);
  const samples: unknown = waveform?.data;
  if (!(samples instanceof Float32Array)) throw new ModelError(`${path}: gave no ${describe([OUTPUT])}. ${FOREIGN}`);
  return samples;
}
