import { PermanentFailure } from "../../jobs/kind.ts";
import { runEspeak } from "./run-espeak.ts";

/** Most tokens of one utterance, without the mark before and after it. */
export const MAX_TOKENS = 510;

/** Token that stands before and after an utterance. */
export const PAD = 0;

/** Tongues by the first letter of a voice's name, as espeak-ng calls them. */
const TONGUES: Readonly<Record<string, string>> = {
  a: "en-us",
  b: "en-gb",
  e: "es",
  f: "fr-fr",
  h: "hi",
  i: "it",
  p: "pt-br",
};

/** Punctuation that the model reads; a point or comma between digits is none. */
const PUNCTUATION = /(\s*(?:[;!?¡¿—…"«»“”()]|[.,:](?=$|[\s;:,.!?…"»”)'’]))+\s*)/u;

/** What espeak-ng says otherwise than the model has learnt it. */
const CORRECTIONS: readonly (readonly [RegExp, string])[] = [
  [/\([a-z-]+\)/g, ""], // A change of tongue within the text.
  [/[\u200d\u0361_]/g, ""], // Ties.
  [/ʲ/g, "j"],
  [/r/g, "ɹ"],
  [/x/g, "k"],
  [/ɬ/g, "l"],
  [/ {2,}/g, " "],
];

/**
 * The tongue that a voice speaks.
 *
 * @throws PermanentFailure for a voice whose tongue has no phonemes here
 */
export function tongueOf(voice: string): string {
  const tongue = TONGUES[voice.charAt(0)];
  if (tongue !== undefined) return tongue;
  throw new PermanentFailure(
    "unsupported-voice",
    `voice ${voice}: espeak-ng makes no phonemes for its tongue that the model knows; voices may begin with ${Object.keys(TONGUES).join(", ")}`,
  );
}

/** Cuts a text at its sentences; none of them is empty. */
export function sentencesOf(text: string): string[] {
  const segments = new Intl.Segmenter("en", { granularity: "sentence" }).segment(text);
  return [...segments].map(({ segment }) => segment.replace(/\s+/g, " ").trim()).filter((sentence) => sentence !== "");
}

/** Phonemes of one sentence, its punctuation kept; nothing for one without words. */
export async function phonemesOf(
  sentence: string,
  tongue: string,
  signal: AbortSignal,
  program = "espeak-ng",
): Promise<string> {
  // With a group in the pattern every second part is what it matched.
  const parts = sentence.split(PUNCTUATION);
  let phonemes = "";
  let words = false;
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) phonemes += part;
    else if (part.trim() !== "") {
      phonemes += await say(part, tongue, signal, program);
      words = true;
    }
  }
  if (!words) return "";
  return CORRECTIONS.reduce((text, [wrong, right]) => text.replace(wrong, right), phonemes).trim();
}

async function say(part: string, tongue: string, signal: AbortSignal, program: string): Promise<string> {
  const printed = await runEspeak(program, ["-q", "--ipa", "-b", "1", "-v", tongue, "--stdin"], part, signal);
  return printed.toString("utf8").trim().replace(/\s+/g, " ");
}

/** Tokens by character of a phoneme text. */
export type Vocabulary = ReadonlyMap<string, number>;

/** Tokens of a phoneme text; what the model does not know is left out. */
export function tokensOf(phonemes: string, vocabulary: Vocabulary): number[] {
  return Array.from(phonemes)
    .map((character) => vocabulary.get(character))
    .filter((token) => token !== undefined);
}

/**
 * Packs sentences into utterances that the model takes, as few as possible. A sentence that is too long is cut at its last
 * space, or where the limit is.
 */
export function utterancesOf(sentences: readonly (readonly number[])[], space: number | undefined): number[][] {
  const utterances: number[][] = [];
  for (const sentence of sentences.flatMap((tokens) => cut(tokens, space))) {
    const last = utterances.at(-1);
    const gap = space === undefined ? [] : [space];
    if (last && last.length + gap.length + sentence.length <= MAX_TOKENS) last.push(...gap, ...sentence);
    else if (sentence.length > 0) utterances.push([...sentence]);
  }
  return utterances;
}

function cut(tokens: readonly number[], space: number | undefined): number[][] {
  const pieces: number[][] = [];
  let rest = [...tokens];
  while (rest.length > MAX_TOKENS) {
    const at = space === undefined ? -1 : rest.lastIndexOf(space, MAX_TOKENS - 1);
    const end = at > 0 ? at : MAX_TOKENS;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(at > 0 ? end + 1 : end);
  }
  return [...pieces, rest];
}
