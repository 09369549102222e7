/** Sound as it lies in a WAV file: 16-bit PCM. */
export interface Sound {
  readonly sampleRate: number;
  readonly channels: number;
  /** Little-endian samples of 2 bytes, channels in turn. */
  readonly samples: Buffer;
}

/** The bytes are no WAV file that we can read. */
export class WavError extends Error {
  override readonly name = "WavError";
}

const HEADER_BYTES = 44;
const PCM = 1;
const BYTES_PER_SAMPLE = 2;
const FULL_SCALE = 32_768;

/** Peak level of silence, in dBFS: one less than the quietest 16-bit sample could have. */
const SILENCE_DBFS = -97;

/**
 * Reads a WAV file. A program that writes to a pipe cannot know the length: a data size beyond the end means "until the end".
 *
 * @throws WavError when it is not 16-bit PCM
 */
export function readWav(file: Uint8Array): Sound {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.toString("latin1", 0, 4) !== "RIFF" || bytes.toString("latin1", 8, 12) !== "WAVE") {
    throw new WavError(`not a WAV file: ${bytes.length} bytes without RIFF and WAVE at their places`);
  }
  let format: { sampleRate: number; channels: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const id = bytes.toString("latin1", at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    const body = bytes.subarray(at + 8, Math.min(at + 8 + size, bytes.length));
    if (id === "fmt ") format = readFormat(body);
    if (id === "data" && format) return { ...format, samples: wholeFrames(body, format.channels) };
    at += 8 + size + (size % 2);
  }
  throw new WavError(format ? "the WAV file has no data" : "the WAV file has no format");
}

function readFormat(body: Buffer): { sampleRate: number; channels: number } {
  if (body.length < 16) throw new WavError(`the format of the WAV file has ${body.length} bytes, must have 16`);
  const [code, bits] = [body.readUInt16LE(0), body.readUInt16LE(14)];
  if (code !== PCM || bits !== 8 * BYTES_PER_SAMPLE) {
    throw new WavError(`the WAV file has format ${code} with ${bits} bits; allowed: ${PCM} (PCM) with 16 bits`);
  }
  return { channels: body.readUInt16LE(2), sampleRate: body.readUInt32LE(4) };
}

function wholeFrames(body: Buffer, channels: number): Buffer {
  return body.subarray(0, body.length - (body.length % (channels * BYTES_PER_SAMPLE)));
}

/** Writes a WAV file with true sizes. */
export function writeWav(sound: Sound): Buffer {
  const { sampleRate, channels, samples } = sound;
  const header = Buffer.alloc(HEADER_BYTES);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(HEADER_BYTES - 8 + samples.length, 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(PCM, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * channels * BYTES_PER_SAMPLE, 28);
  header.writeUInt16LE(channels * BYTES_PER_SAMPLE, 32);
  header.writeUInt16LE(8 * BYTES_PER_SAMPLE, 34);
  header.write("data", 36, "latin1");
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}

/** Length in seconds. */
export function durationSeconds(sound: Sound): number {
  return sound.samples.length / (sound.sampleRate * sound.channels * BYTES_PER_SAMPLE);
}

/** Loudest sample in dBFS: 0 is full scale, -97 is silence. */
export function peakDbfs(sound: Sound): number {
  let peak = 0;
  for (let at = 0; at < sound.samples.length; at += BYTES_PER_SAMPLE) {
    peak = Math.max(peak, Math.abs(sound.samples.readInt16LE(at)));
  }
  return peak === 0 ? SILENCE_DBFS : 20 * Math.log10(peak / FULL_SCALE);
}
