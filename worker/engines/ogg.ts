import { createOggEncoder } from "wasm-media-encoders";
import type { Sound } from "../../jobs/wav.ts";

/** Vorbis quality, -1 to 10: some 80 kbit/s at 24 kHz, at which speech cannot be told from its source. */
const QUALITY = 5;

/** Samples of each channel that are encoded at a time. */
const BLOCK = 65_536;

const FULL_SCALE = 32_768;

/**
 * Writes a sound as Ogg Vorbis.
 *
 * @param sound one or two channels
 * @throws Error for more channels
 */
export async function encodeOgg({ sampleRate, channels, samples }: Sound): Promise<Uint8Array> {
  if (channels !== 1 && channels !== 2) throw new Error(`Ogg: got ${channels} channels; allowed: 1 or 2`);
  const encoder = await createOggEncoder();
  encoder.configure({ sampleRate, channels, vbrQuality: QUALITY });
  const parts: Uint8Array[] = [];
  const frames = samples.length / 2 / channels;
  for (let from = 0; from < frames; from += BLOCK) {
    const block = Array.from({ length: channels }, (_, channel) =>
      floats(samples, channels, channel, from, Math.min(from + BLOCK, frames)),
    );
    // Copied: the encoder writes into the same memory again.
    parts.push(Uint8Array.from(encoder.encode(block)));
  }
  parts.push(Uint8Array.from(encoder.finalize()));
  return Buffer.concat(parts);
}

function floats(samples: Buffer, channels: number, channel: number, from: number, to: number): Float32Array {
  const values = new Float32Array(to - from);
  for (let frame = from; frame < to; frame += 1) {
    values[frame - from] = samples.readInt16LE((frame * channels + channel) * 2) / FULL_SCALE;
  }
  return values;
}
