import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PermanentFailure } from "../../jobs/kind.ts";
import { durationSeconds, peakDbfs, readWav } from "../../jobs/wav.ts";
import { KOKORO_GRAPH, SAMPLES_PER_TOKEN, VOCABULARY, voiceBytes, writeKokoroModel } from "../../test/models/kokoro.ts";
import { onnxFile, type TestGraph } from "../../test/models/onnx.ts";
import { createKokoro } from "./kokoro.ts";
import { MAX_TOKENS, phonemesOf, tokensOf } from "./kokoro-phonemes.ts";

const idle = new AbortController().signal;
let modelDir = "";
beforeEach(() => {
  modelDir = writeKokoroModel();
});
afterEach(() => {
  rmSync(modelDir, { recursive: true, force: true });
});

const engine = () => createKokoro({ modelDir, device: "cpu", threads: 1 });

async function tokens(sentence: string): Promise<number> {
  const phonemes = await phonemesOf(sentence, "en-us", idle);
  return tokensOf(phonemes, new Map(Object.entries(VOCABULARY))).length;
}

async function fault(): Promise<string> {
  return engine()
    .check(idle)
    .then(
      () => "no fault",
      (error: unknown) => String(error),
    );
}

describe("kokoro, with a small generated ONNX model in a real ONNX session", () => {
  it("becomes ready, and gives WAV of 24 kHz, as long as the model's output for these tokens", async () => {
    const kokoro = engine();
    await kokoro.check(idle);
    const sound = readWav(await kokoro.speak({ text: "Hello, world." }, idle));
    expect(sound).toMatchObject({ sampleRate: 24_000, channels: 1 });
    expect(sound.samples.length / 2).toBe(((await tokens("Hello, world.")) + 2) * SAMPLES_PER_TOKEN);
    expect(durationSeconds(sound)).toBeGreaterThan(0.3);
  });

  it("picks the row of the style by the count of tokens, the voice by its name, and passes the speed on", async () => {
    const kokoro = engine();
    const peak = async (text: string, rest = {}) =>
      10 ** (peakDbfs(readWav(await kokoro.speak({ text, ...rest }, idle))) / 20);
    // The loudest token of both is the same; the rows are 1 + their number.
    const [one, two] = ["tuː", "tuː tuː"].map((phonemes) => phonemes.length);
    expect([one, two]).toEqual([3, 7]);
    const [short, long] = [await peak("Two"), await peak("Two two")];
    expect(long / short).toBeCloseTo(((await tokens("Two two")) + 1) / ((await tokens("Two")) + 1), 2);
    expect((await peak("Two", { voice: "bm_george" })) / short).toBeCloseTo(0.2, 1);
    expect((await peak("Two", { speed: 2 })) / short).toBeCloseTo(0.5, 2);
  });

  it("cuts long texts at sentences, and loses and adds nothing but the marks of each utterance", async () => {
    const sentence = "The quick brown fox jumps over the lazy dog.";
    const each = await tokens(sentence);
    const sentences = 40;
    const sound = readWav(await engine().speak({ text: `${sentence} `.repeat(sentences) }, idle));
    const inOne = Math.floor((MAX_TOKENS + 1) / (each + 1));
    const utterances = Math.ceil(sentences / inOne);
    expect(utterances).toBeGreaterThan(2);
    const gaps = sentences - utterances;
    const expected = sentences * each + gaps + 2 * utterances;
    expect(sound.samples.length / 2).toBe(expected * SAMPLES_PER_TOKEN);
  });

  it("speaks a sentence without end in pieces", async () => {
    const sound = readWav(await engine().speak({ text: "and then ".repeat(200) }, idle));
    expect(durationSeconds(sound)).toBeGreaterThan(30);
  });

  it("refuses a voice that it does not have, a tongue without phonemes and a text without words, for good", async () => {
    await expect(engine().speak({ text: "x", voice: "klingon" }, idle)).rejects.toThrow(
      new PermanentFailure("unknown-voice", "kokoro does not have the voice klingon; it has af_heart, bm_george"),
    );
    writeFileSync(join(modelDir, "voices/jf_alpha.bin"), voiceBytes(0.01));
    await expect(engine().speak({ text: "x", voice: "jf_alpha" }, idle)).rejects.toMatchObject({
      code: "unsupported-voice",
    });
    await expect(engine().speak({ text: "?! …" }, idle)).rejects.toMatchObject({ code: "nothing-to-say" });
  });

  it("stops between two utterances", async () => {
    const stop = new AbortController();
    const kokoro = engine();
    await kokoro.check(idle);
    const speaking = kokoro.speak({ text: "One. Two. Three." }, stop.signal);
    stop.abort(new Error("stopped by the test"));
    await expect(speaking).rejects.toThrow("stopped by the test");
  });

  it("takes the vocabulary of config.json where there is no tokenizer.json", async () => {
    rmSync(join(modelDir, "tokenizer.json"));
    writeFileSync(join(modelDir, "config.json"), JSON.stringify({ vocab: VOCABULARY }));
    expect(await fault()).toBe("no fault");
  });

  it("says that CUDA is not there, before it is ready", async () => {
    const cuda = createKokoro({ modelDir, device: "cuda" });
    await expect(cuda.check(idle)).rejects.toThrow(
      /KOKORO_DEVICE: got cuda, which cannot be used here: .*set KOKORO_DEVICE=cpu/s,
    );
  });
});

function graph(change: Partial<TestGraph>): () => void {
  return () => {
    writeFileSync(join(modelDir, "model.onnx"), onnxFile({ ...KOKORO_GRAPH, ...change }));
  };
}

const [ids, style, speed] = KOKORO_GRAPH.inputs;
if (!ids || !style || !speed) throw new Error("the test graph has three inputs");

describe("a model's folder that is not as it must be, named with file, got and allowed", () => {
  const write = (name: string, content: string | Uint8Array) => () => {
    writeFileSync(join(modelDir, name), content);
  };
  const remove = (name: string) => () => {
    rmSync(join(modelDir, name), { recursive: true });
  };
  it.each<[string, () => void, RegExp]>([
    [
      "no folder",
      () => {
        rmSync(modelDir, { recursive: true });
      },
      /model\.onnx: cannot be read \(ENOENT\).*KOKORO_MODEL_DIR/,
    ],
    ["an empty model", write("model.onnx", ""), /model\.onnx: got 0 bytes, must be an ONNX model/],
    ["a damaged model", write("model.onnx", "no protobuf"), /model\.onnx: cannot be loaded: .*[Pp]rotobuf/],
    [
      "a folder as model",
      () => {
        remove("model.onnx")();
        mkdirSync(join(modelDir, "model.onnx"));
      },
      /model\.onnx: is no file/,
    ],
    [
      "other inputs",
      graph({
        inputs: [{ ...ids, name: "given" }, style, speed],
        nodes: KOKORO_GRAPH.nodes.map((node) => ({
          ...node,
          inputs: node.inputs.map((name) => (name === "input_ids" ? "given" : name)),
        })),
      }),
      /has the inputs given int64\[1,length\].*must have input_ids int64\[1,n\], style float32\[1,256\]/,
    ],
    [
      "a style of another size",
      graph({ inputs: [ids, { ...style, shape: [1, 128] }, speed] }),
      /has the inputs .*style float32\[1,128\].*must have/,
    ],
    [
      "one input more",
      graph({ inputs: [...KOKORO_GRAPH.inputs, { ...speed, name: "pitch" }] }),
      /has further inputs pitch; allowed: input_ids/,
    ],
    [
      "another output",
      graph({ outputs: [{ name: "styled", type: "float32", shape: [1, "samples"] }] }),
      /has the outputs styled float32.*must have waveform float32/,
    ],
    [
      "no vocabulary",
      remove("tokenizer.json"),
      /tokenizer\.json: cannot be read \(ENOENT\); .*config\.json: cannot be read/,
    ],
    [
      "a damaged vocabulary",
      write("tokenizer.json", '{"model":'),
      /tokenizer\.json: has no vocabulary; allowed: \{"model"/,
    ],
    ["no voices' folder", remove("voices"), /voices: cannot be read \(ENOENT\), must be a folder of voices/],
    [
      "no voice",
      () => {
        renameSync(join(modelDir, "voices"), join(modelDir, "old"));
        mkdirSync(join(modelDir, "voices"));
      },
      /voices: got no voice, must hold one/,
    ],
    ["a foreign file", write("voices/af_heart.pt", "x"), /voices\/af_heart\.pt: is no voice; allowed: <name>\.bin/],
    [
      "a voice cut short",
      write("voices/af_heart.bin", voiceBytes(1).subarray(0, 5000)),
      /af_heart\.bin: got 5000 bytes; allowed: .*1024 bytes each/,
    ],
    [
      "a voice of no numbers",
      write("voices/af_heart.bin", voiceBytes(Number.NaN)),
      /af_heart\.bin: number 0 is NaN, must be finite/,
    ],
  ])("%s", async (_, damage, message) => {
    damage();
    expect(await fault()).toMatch(message);
  });
});
