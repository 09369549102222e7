/**
 * A reader of its own, beside jobs/wav.ts: what the product says of its sound is held against this one, and it refuses a file
 * that is cut short, which the product's reader must take from a pipe.
 */

/** What a WAV file holds, read from its own bytes and nothing else. */
export interface WavFacts {
  readonly durationSeconds: number;
  /** Loudest sample against full scale; `-Infinity` is silence. */
  readonly peakDbfs: number;
  readonly sampleRate: number;
  readonly channels: number;
}

/** PCM, 16 bit: what the speech engines write. */
const PCM = 1;
const BITS = 16;

/**
 * Reads a WAV file (RIFF, PCM, 16 bit), chunk by chunk.
 *
 * @throws Error saying at which byte it is no such file
 */
export function readWavFacts(file: Buffer): WavFacts {
  if (file.length < 12 || file.toString("latin1", 0, 4) !== "RIFF" || file.toString("latin1", 8, 12) !== "WAVE") {
    throw new Error(
      `This is no WAV file: it begins with ${JSON.stringify(file.toString("latin1", 0, 12))}, not with RIFF....WAVE.`,
    );
  }
  let format: { channels: number; sampleRate: number } | undefined;
  for (let at = 12; at + 8 <= file.length;) {
    const id = file.toString("latin1", at, at + 4);
    const length = file.readUInt32LE(at + 4);
    const body = file.subarray(at + 8, at + 8 + length);
    if (body.length < length)
      throw new Error(`The WAV file is cut short: chunk ${id} at byte ${at} has ${body.length} of ${length} bytes.`);
    if (id === "fmt ") format = readFormat(body);
    if (id === "data" && format) return measure(body, format);
    at += 8 + length + (length % 2); // chunks begin at even bytes
  }
  throw new Error("The WAV file has no samples: chunk fmt or data is missing.");
}

function readFormat(body: Buffer): { channels: number; sampleRate: number } {
  if (body.length < 16) throw new Error(`The WAV file's chunk fmt has ${body.length} bytes; it needs 16.`);
  const [kind, channels, sampleRate, bits] = [
    body.readUInt16LE(0),
    body.readUInt16LE(2),
    body.readUInt32LE(4),
    body.readUInt16LE(14),
  ];
  if (kind !== PCM || bits !== BITS || channels === 0 || sampleRate === 0) {
    throw new Error(
      `The WAV file is of kind ${kind} with ${bits} bits, ${channels} channels, ${sampleRate} Hz; only PCM with 16 bits is read.`,
    );
  }
  return { channels, sampleRate };
}

function measure(samples: Buffer, { channels, sampleRate }: { channels: number; sampleRate: number }): WavFacts {
  let peak = 0;
  for (let at = 0; at + 2 <= samples.length; at += 2) peak = Math.max(peak, Math.abs(samples.readInt16LE(at)));
  return {
    durationSeconds: samples.length / (2 * channels * sampleRate),
    peakDbfs: 20 * Math.log10(peak / 32768),
    sampleRate,
    channels,
  };
}
