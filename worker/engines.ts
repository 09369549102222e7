import type { SpeechEngine } from "../jobs/speech-engine.ts";
import { createEspeakNg } from "./engines/espeak-ng.ts";

/** Every speech engine by name; another one is a file in `engines/` and a line here. */
export const SPEECH_ENGINES = {
  "espeak-ng": () => createEspeakNg(),
} as const satisfies Record<string, () => SpeechEngine>;
