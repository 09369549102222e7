import { bytesIn, formatBytes, formatSpan } from "./quantities.ts";

/** Seconds over which a rate is taken: long enough to be steady, short enough to follow. */
const WINDOW_SECONDS = 10;

/** Seconds of a step before a rate is said of it. */
const FIRST_SECONDS = 0.5;

const BAR = { least: 6, most: 24 } as const;

interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** How far bytes have come: a bar, the bytes, their rate, and the time that is left. */
export class Meter {
  readonly #now: () => number;
  readonly #samples: Sample[] = [];
  #total: number | undefined;

  /** @param now milliseconds that only grow */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Bytes that are done. */
  get doneBytes(): number {
    return this.#samples.at(-1)?.bytes ?? 0;
  }

  /** Takes where it stands. */
  add(doneBytes: number, totalBytes: number | undefined): void {
    this.#total = totalBytes;
    this.#samples.push({ at: this.#now(), bytes: doneBytes });
    while (this.#samples.length > 2 && this.#age(1) >= WINDOW_SECONDS) this.#samples.shift();
  }

  /**
   * What is said of it.
   *
   * @param columns that may be filled; without any there is no bar
   */
  text(columns = 0): string {
    const done = this.#samples.at(-1)?.bytes;
    if (done === undefined) return "";
    const words = [...this.#share(done), this.#amount(done), ...this.#pace(done)].join("  ");
    const width = Math.min(BAR.most, columns - words.length - 4);
    const bar =
      this.#total === undefined || this.#total === 0 || width < BAR.least ? "" : drawBar(done / this.#total, width);
    return `${bar}${words}`;
  }

  #share(done: number): string[] {
    if (this.#total === undefined || this.#total === 0) return [];
    return [`${String(Math.floor(100 * Math.min(1, done / this.#total))).padStart(2)} %`];
  }

  #amount(done: number): string {
    if (this.#total === undefined) return formatBytes(done);
    const { unit } = bytesIn(this.#total, this.#total);
    return `${bytesIn(done, this.#total).text}/${bytesIn(this.#total, this.#total).text} ${unit}`;
  }

  #pace(done: number): string[] {
    const [first] = this.#samples;
    const seconds = this.#age(0);
    if (first === undefined || seconds < FIRST_SECONDS || done <= first.bytes) return [];
    const rate = (done - first.bytes) / seconds;
    const left = this.#total === undefined ? undefined : Math.max(0, this.#total - done) / rate;
    return [`${formatBytes(rate)}/s`, ...(left === undefined ? [] : [`${formatSpan(left)} left`])];
  }

  /** Seconds since a sample. */
  #age(index: number): number {
    const sample = this.#samples[index];
    return sample === undefined ? 0 : (this.#now() - sample.at) / 1000;
  }
}

function drawBar(share: number, width: number): string {
  const full = Math.round(width * Math.min(1, share));
  return `[${"#".repeat(full)}${".".repeat(width - full)}]  `;
}
