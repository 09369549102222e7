import type { KokoroDevice, SpeechEngineName } from "../configs/worker-settings.ts";
import type { SpeechEngine } from "../jobs/speech-engine.ts";
import { createEspeakNg } from "./engines/espeak-ng.ts";
import { createKokoro } from "./engines/kokoro.ts";

/** Which engine speaks, and how it is set up. Plain data: it is sent to processes and threads. */
export interface SpeechSettings {
  readonly engine: SpeechEngineName;
  readonly kokoro: {
    /** Folder with model.onnx, tokenizer.json (or config.json) and voices/. */
    readonly modelDir: string;
    readonly device: KokoroDevice;
    /** CPU threads of one utterance. @default all CPUs */
    readonly threads?: number;
  };
}

/** Every speech engine by name; another one is a file in `engines/` and a line here. */
export const SPEECH_ENGINES = {
  "espeak-ng": () => createEspeakNg(),
  kokoro: ({ kokoro }) => createKokoro(kokoro),
} as const satisfies Record<SpeechEngineName, (settings: SpeechSettings) => SpeechEngine>;
