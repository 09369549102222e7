import { z } from "zod";
import { defineKind, PermanentFailure } from "../kind.ts";
import type { SpeechEngine } from "../speech-engine.ts";
import { durationSeconds, peakDbfs, readWav, writeWav, type Sound } from "../wav.ts";

/** Makes speech of a text. The WAV or Ogg file is the job's artifact. */
export default defineKind({
  name: "speech",
  params: z.strictObject({
    text: z.string().max(5000).regex(/\S/, { error: "must hold something to say" }),
    voice: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_+-]{0,39}$/)
      .optional(),
    speed: z.number().min(0.5).max(2).optional(),
    /** `ogg` is Vorbis, some sixth of a WAV file. */
    format: z.enum(["wav", "ogg"]).optional(),
  }),
  result: z.strictObject({
    durationSeconds: z.number().positive(),
    /** Loudest sample against full scale. */
    peakDbfs: z.number().max(0),
    sampleRate: z.int().positive(),
    bytes: z.int().positive(),
  }),
  queue: "cpu",
  retry: { maxAttempts: 3, delayMs: 2000 },
  timeoutMs: 120_000,
  aggregate: "archive",
  handler: async (context, params) => {
    const sound = readWav(await context.engines.speech.speak(params, context.signal));
    const format = params.format ?? "wav";
    const content = format === "wav" ? writeWav(sound) : await toOgg(context.engines.speech, sound);
    await context.saveArtifact({ mediaType: `audio/${format}`, extension: format, content });
    return {
      durationSeconds: round(durationSeconds(sound), 3),
      peakDbfs: round(peakDbfs(sound), 2),
      sampleRate: sound.sampleRate,
      bytes: content.length,
    };
  },
});

async function toOgg({ toOgg: encode }: SpeechEngine, sound: Sound): Promise<Uint8Array> {
  if (!encode) throw new PermanentFailure("no-encoder", 'this worker writes no Ogg; ask for format "wav"');
  return encode(sound);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
