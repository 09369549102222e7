import { PermanentFailure } from "../../jobs/kind.ts";
import type { SpeechEngine, SpeechRequest } from "../../jobs/speech-engine.ts";
import { runEspeak } from "./run-espeak.ts";

/** Words per minute of espeak-ng at its natural speed. */
const WORDS_PER_MINUTE = 175;

/** The program espeak-ng: real speech on any CPU. The text goes in by stdin, never by the command line. */
export function createEspeakNg(program = "espeak-ng"): SpeechEngine {
  return {
    name: "espeak-ng",
    speak: async (request, signal) => {
      const sound = await runEspeak(program, speechArguments(request), request.text, signal);
      if (sound.length === 0)
        throw new PermanentFailure("nothing-to-say", "espeak-ng found nothing in the text that can be spoken");
      return sound;
    },
    check: async (signal) => {
      await runEspeak(program, ["--version"], "", signal);
    },
  };
}

function speechArguments({ voice, speed = 1 }: SpeechRequest): string[] {
  const options = ["--stdin", "--stdout", "-b", "1", "-s", String(Math.round(WORDS_PER_MINUTE * speed))];
  return voice === undefined ? options : [...options, "-v", voice];
}
