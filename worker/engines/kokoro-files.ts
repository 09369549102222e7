import { parseJson } from "../../configs/json.ts";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Vocabulary } from "./kokoro-phonemes.ts";

/** Numbers of one style vector. */
export const STYLE_SIZE = 256;
const ROW_BYTES = STYLE_SIZE * 4;

/** Rows that a voice may have; the published ones have 510. */
const MAX_ROWS = 1024;

const VOICE_FILE = /^(?<name>[a-z][a-z0-9_-]{0,39})\.bin$/;
const VOCABULARY_FILES = ["tokenizer.json", "config.json"] as const;

const WHERE = "Mount the folder of the model there, or set KOKORO_MODEL_DIR";

/** Style vectors of one voice, a row for each count of tokens. */
export interface Voice {
  readonly rows: number;
  readonly styles: Float32Array;
}

/** What lies in a model's folder beside model.onnx. */
export interface KokoroFiles {
  readonly modelPath: string;
  readonly vocabulary: Vocabulary;
  readonly voices: ReadonlyMap<string, Voice>;
}

/** A model's folder is not as it must be. The message names file, what was found and what is allowed. */
export class ModelError extends Error {
  override readonly name = "ModelError";
}

/**
 * Reads a model's folder: `model.onnx`, `tokenizer.json` or `config.json` with the vocabulary, `voices/<name>.bin`.
 *
 * @throws ModelError
 */
export async function readKokoroFiles(folder: string): Promise<KokoroFiles> {
  const modelPath = join(folder, "model.onnx");
  await needFile(modelPath);
  return { modelPath, vocabulary: await readVocabulary(folder), voices: await readVoices(join(folder, "voices")) };
}

async function needFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw new ModelError(`${path}: cannot be read (${codeOf(error)}), must be a file. ${WHERE}.`);
  });
  if (!found.isFile()) throw new ModelError(`${path}: is no file. ${WHERE}.`);
  if (found.size === 0) throw new ModelError(`${path}: got 0 bytes, must be an ONNX model. Copy it again.`);
}

const tokens = z.record(z.string(), z.int().min(0).max(100_000));
const tokenizer = z.object({ model: z.object({ vocab: tokens }) }).transform(({ model }) => model.vocab);
const config = z.object({ vocab: tokens }).transform(({ vocab }) => vocab);
const SHAPES = { "tokenizer.json": tokenizer, "config.json": config } as const;

/** tokenizer.json (as Hugging Face has it) goes before config.json (as the authors have it). */
async function readVocabulary(folder: string): Promise<Vocabulary> {
  const reasons: string[] = [];
  for (const name of VOCABULARY_FILES) {
    const path = join(folder, name);
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      reasons.push(`${path}: cannot be read (${codeOf(error)})`);
    });
    if (text === undefined) continue;
    const known = SHAPES[name].safeParse(parseJson(text));
    if (known.success && Object.keys(known.data).length > 0) return new Map(Object.entries(known.data));
    const shape = name === "tokenizer.json" ? '{"model": {"vocab": {...}}}' : '{"vocab": {...}}';
    reasons.push(`${path}: has no vocabulary; allowed: ${shape} with a number for each phoneme`);
  }
  throw new ModelError(`${reasons.join("; ")}. One of ${VOCABULARY_FILES.join(", ")} must have it. ${WHERE}.`);
}

async function readVoices(folder: string): Promise<ReadonlyMap<string, Voice>> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new ModelError(`${folder}: cannot be read (${codeOf(error)}), must be a folder of voices. ${WHERE}.`);
  });
  const voices = new Map<string, Voice>();
  for (const name of names.sort()) {
    if (name.startsWith(".") || name.endsWith(".md")) continue;
    const voice = VOICE_FILE.exec(name)?.groups?.["name"];
    const path = join(folder, name);
    if (voice === undefined) throw new ModelError(`${path}: is no voice; allowed: <name>.bin of a-z, 0-9, _ and -`);
    voices.set(voice, await readVoice(path));
  }
  if (voices.size === 0) throw new ModelError(`${folder}: got no voice, must hold one <name>.bin or more. ${WHERE}.`);
  return voices;
}

async function readVoice(path: string): Promise<Voice> {
  const { size } = await stat(path);
  if (size === 0 || size % ROW_BYTES !== 0 || size > MAX_ROWS * ROW_BYTES) {
    throw new ModelError(
      `${path}: got ${size} bytes; allowed: 1 to ${MAX_ROWS} rows of ${STYLE_SIZE} numbers of 4 bytes, ${ROW_BYTES} bytes each (published voices: 522240). Copy it again.`,
    );
  }
  const bytes = await readFile(path);
  // A copy of its own begins where a number may begin.
  const styles = new Float32Array(new Uint8Array(bytes).buffer);
  const wrong = styles.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new ModelError(`${path}: number ${wrong} is ${styles[wrong] ?? 0}, must be finite. Copy it again.`);
  return { rows: size / ROW_BYTES, styles };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
