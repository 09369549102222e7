import { z } from "zod";
import { defineKind } from "../kind.ts";
import { durationSeconds, peakDbfs, readWav, writeWav } from "../wav.ts";

/** Makes speech of a text. The WAV file is the job's artifact. */
export default defineKind({
  name: "speech",
  params: z.strictObject({
    text: z.string().max(5000).regex(/\S/, { error: "must hold something to say" }),
    voice: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_+-]{0,39}$/)
      .optional(),
    speed: z.number().min(0.5).max(2).optional(),
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
    const content = writeWav(sound);
    await context.saveArtifact({ mediaType: "audio/wav", extension: "wav", content });
    return {
      durationSeconds: round(durationSeconds(sound), 3),
      peakDbfs: round(peakDbfs(sound), 2),
      sampleRate: sound.sampleRate,
      bytes: content.length,
    };
  },
});

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
