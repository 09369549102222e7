import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onnxFile, type TestGraph } from "./onnx.ts";

/** Samples that the test model makes of one token. */
export const SAMPLES_PER_TOKEN = 600;

const CHARACTERS = '$;:,.!?¡¿—…"«»“” abcdefghijklmnopqrstuvwxyzæɑɐɔəɚɛɜɡɪɹɾʃʊʌʒðŋθˈˌː';

/** Tokens of the test model: 0 is the mark before and after an utterance. */
export const VOCABULARY = Object.fromEntries(Array.from(CHARACTERS).map((character, token) => [character, token]));

/**
 * A graph with Kokoro's inputs and output: each token becomes 600 samples of a sine, louder for a higher token, all of it
 * times the mean of the style and divided by the speed.
 */
export const KOKORO_GRAPH: TestGraph = {
  inputs: [
    { name: "input_ids", type: "int64", shape: [1, "length"] },
    { name: "style", type: "float32", shape: [1, 256] },
    { name: "speed", type: "float32", shape: [1] },
  ],
  outputs: [{ name: "waveform", type: "float32", shape: [1, "samples"] }],
  constants: [
    { name: "sine", shape: [1, SAMPLES_PER_TOKEN], values: sine() },
    { name: "column", shape: [2], values: BigInt64Array.of(-1n, 1n) },
    { name: "row", shape: [2], values: BigInt64Array.of(1n, -1n) },
  ],
  nodes: [
    { operator: "Cast", inputs: ["input_ids"], output: "ids", attributes: { to: 1 } },
    { operator: "Reshape", inputs: ["ids", "column"], output: "tokens" },
    { operator: "MatMul", inputs: ["tokens", "sine"], output: "tones" },
    { operator: "Reshape", inputs: ["tones", "row"], output: "flat" },
    { operator: "ReduceMean", inputs: ["style"], output: "mean", attributes: { keepdims: 1 } },
    { operator: "Mul", inputs: ["flat", "mean"], output: "styled" },
    { operator: "Div", inputs: ["styled", "speed"], output: "waveform" },
  ],
};

function sine(): Float32Array {
  const period = (2 * Math.PI) / 60;
  return Float32Array.from({ length: SAMPLES_PER_TOKEN }, (_, index) => Math.sin(index * period) / 100);
}

/** A voice of which every row is its number plus one, times a factor. */
export function voiceBytes(factor: number, rows = 510): Uint8Array {
  const styles = Float32Array.from({ length: rows * 256 }, (_, index) => (Math.floor(index / 256) + 1) * factor);
  return new Uint8Array(styles.buffer);
}

/** Writes a model's folder with two voices. */
export function writeKokoroModel(graph: TestGraph = KOKORO_GRAPH): string {
  const folder = mkdtempSync(join(tmpdir(), "slipway-kokoro-"));
  mkdirSync(join(folder, "voices"));
  writeFileSync(join(folder, "model.onnx"), onnxFile(graph));
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ model: { vocab: VOCABULARY } }));
  writeFileSync(join(folder, "voices/af_heart.bin"), voiceBytes(0.01));
  writeFileSync(join(folder, "voices/bm_george.bin"), voiceBytes(0.002));
  return folder;
}
