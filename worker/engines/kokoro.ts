import { availableParallelism } from "node:os";
import type { KokoroDevice } from "../../configs/worker-settings.ts";
import { PermanentFailure } from "../../jobs/kind.ts";
import type { SpeechEngine, SpeechRequest } from "../../jobs/speech-engine.ts";
import { writeWav } from "../../jobs/wav.ts";
import { readKokoroFiles, STYLE_SIZE, type KokoroFiles, type Voice } from "./kokoro-files.ts";
import { PAD, phonemesOf, sentencesOf, tokensOf, tongueOf, utterancesOf } from "./kokoro-phonemes.ts";
import { openKokoroSession, type KokoroSession } from "./kokoro-session.ts";

const SAMPLE_RATE = 24_000;

/** Spoken where a request names no voice and the model has it; else the first one. */
const DEFAULT_VOICE = "af_heart";

export interface KokoroOptions {
  /** Folder with model.onnx, tokenizer.json (or config.json) and voices/. */
  readonly modelDir: string;
  readonly device: KokoroDevice;
  /** CPU threads of one utterance. @default all CPUs */
  readonly threads?: number;
}

interface Kokoro extends KokoroFiles {
  readonly session: KokoroSession;
}

/** Kokoro-82M by ONNX Runtime. Phonemes are made by espeak-ng. The model is loaded once, at the first check or request. */
export function createKokoro(options: KokoroOptions): SpeechEngine {
  let loading: Promise<Kokoro> | undefined;
  const load = () => (loading ??= open(options));
  return {
    name: "kokoro",
    speak: async (request, signal) => speak(await load(), request, signal),
    check: async (signal) => {
      // A whole sentence once: what is wrong with model, device or phonemes shows before the first job does.
      await speak(await load(), { text: "Ready." }, signal);
    },
  };
}

async function open({ modelDir, device, threads = availableParallelism() }: KokoroOptions): Promise<Kokoro> {
  const files = await readKokoroFiles(modelDir);
  return { ...files, session: await openKokoroSession(files.modelPath, device, threads) };
}

async function speak(kokoro: Kokoro, request: SpeechRequest, signal: AbortSignal): Promise<Uint8Array> {
  const name = request.voice ?? (kokoro.voices.has(DEFAULT_VOICE) ? DEFAULT_VOICE : [...kokoro.voices.keys()][0]);
  const voice = kokoro.voices.get(name ?? "");
  if (name === undefined || !voice) {
    const allowed = [...kokoro.voices.keys()].join(", ");
    throw new PermanentFailure("unknown-voice", `kokoro does not have the voice ${name ?? "none"}; it has ${allowed}`);
  }
  const sentences: number[][] = [];
  for (const sentence of sentencesOf(request.text)) {
    sentences.push(tokensOf(await phonemesOf(sentence, tongueOf(name), signal), kokoro.vocabulary));
  }
  const utterances = utterancesOf(sentences, kokoro.vocabulary.get(" "));
  if (utterances.length === 0) {
    throw new PermanentFailure("nothing-to-say", "kokoro found nothing in the text that can be spoken");
  }
  const parts: Buffer[] = [];
  for (const tokens of utterances) {
    signal.throwIfAborted();
    const utterance = {
      tokens: [PAD, ...tokens, PAD],
      style: styleFor(voice, tokens.length),
      speed: request.speed ?? 1,
    };
    parts.push(toPcm(await kokoro.session.speak(utterance)));
  }
  return writeWav({ sampleRate: SAMPLE_RATE, channels: 1, samples: Buffer.concat(parts) });
}

/** A voice sounds a little different in short and in long utterances: it has a row for each length. */
function styleFor({ styles, rows }: Voice, tokens: number): Float32Array {
  const row = Math.min(tokens, rows - 1);
  return styles.slice(row * STYLE_SIZE, (row + 1) * STYLE_SIZE);
}

/** 16-bit samples; what is louder than full scale is cut. */
function toPcm(samples: Float32Array): Buffer {
  const pcm = Buffer.alloc(samples.length * 2);
  for (const [index, sample] of samples.entries()) {
    pcm.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), index * 2);
  }
  return pcm;
}
