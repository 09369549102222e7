import type { Sound } from "./wav.ts";

/** What is to be said. */
export interface SpeechRequest {
  readonly text: string;
  /** Name of a voice of the engine. @default the engine's own */
  readonly voice?: string | undefined;
  /** 1 is the voice's natural speed; 0.5 to 2. @default 1 */
  readonly speed?: number | undefined;
}

/** Something that speaks. A worker has one; another engine is another file in `worker/engines`. */
export interface SpeechEngine {
  readonly name: string;
  /**
   * Says a text.
   *
   * @param signal stops it, with whatever it started
   * @returns a WAV file, 16-bit PCM
   * @throws PermanentFailure for a voice that the engine does not have
   */
  speak(request: SpeechRequest, signal: AbortSignal): Promise<Uint8Array>;
  /** Writes a sound as Ogg Vorbis; missing where the worker has no encoder. */
  readonly toOgg?: (sound: Sound) => Promise<Uint8Array>;
  /**
   * Checks that the engine can be used.
   * @throws Error with the reason
   */
  check(signal: AbortSignal): Promise<void>;
}
