import { CommandError } from "./command.ts";
import { fold } from "./fold.ts";

/** Where the lines of the steps go. */
export interface Screen {
  write(text: string): void;
  /** Whether a line can be written over. */
  readonly isTerminal: boolean;
  /** Width of a terminal's line. */
  readonly columns: number;
}

/** What a step says while it runs: the last word wins. */
export type Report = (detail: string) => void;

/** What a step says at its end, in brackets behind its title; nothing is fine. */
export type Note = string | undefined;

export interface StepsOptions {
  readonly screen?: Screen;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
  /** Seconds between the lines of a step that runs where lines cannot be written over. Default 15. */
  readonly everySeconds?: number;
}

interface Running {
  readonly title: string;
  readonly since: number;
  detail: string;
  saidAt: number;
}

/** Runs steps, several at a time if need be, and shows each with its elapsed time. */
export class Steps {
  readonly #screen: Screen;
  readonly #now: () => number;
  readonly #everyMs: number;
  readonly #running = new Set<Running>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ screen = standardError(), now = () => performance.now(), everySeconds = 15 }: StepsOptions = {}) {
    this.#screen = screen;
    this.#now = now;
    this.#everyMs = everySeconds * 1000;
  }

  /** Whether a line shows what is under way, so that what came to its end needs none of its own. */
  get isLive(): boolean {
    return this.#screen.isTerminal;
  }

  /**
   * Runs one step. Its result goes on; what `note` makes of it stands behind the title.
   *
   * @throws what the work throws, after the step's line says that it failed
   */
  async run<T>(
    title: string,
    work: (report: Report) => Promise<T>,
    note: (result: T) => Note = () => undefined,
  ): Promise<T> {
    const step: Running = { title, since: this.#now(), detail: "", saidAt: this.#now() };
    this.#running.add(step);
    this.#timer ??= setInterval(
      () => {
        this.tick();
      },
      this.#screen.isTerminal ? 200 : 1000,
    );
    try {
      const result = await work((detail) => (step.detail = detail));
      this.#end(step, "✓", note(result) ?? "");
      return result;
    } catch (error) {
      this.#end(step, "✗", error instanceof CommandError ? "failed; what it printed last follows" : "failed");
      throw error;
    }
  }

  /** Shows how far the running steps are; a timer calls it. */
  tick(): void {
    const steps = [...this.#running];
    if (this.#screen.isTerminal) {
      const line = steps.map((step) => this.#line("…", step, step.detail)).join("  ");
      this.#screen.write(`\r\x1b[2K${line.slice(0, Math.max(20, this.#screen.columns - 1))}`);
      return;
    }
    for (const step of steps.filter(({ saidAt }) => this.#now() - saidAt >= this.#everyMs)) {
      step.saidAt = this.#now();
      this.#screen.write(`${this.#line("…", step, step.detail)}\n`);
    }
  }

  /** Prints a line among the steps. */
  say(line: string): void {
    const { isTerminal, columns } = this.#screen;
    const before = isTerminal && this.#running.size > 0 ? "\r\x1b[2K" : "";
    this.#screen.write(`${before}${isTerminal ? fold(line, columns) : line}\n`);
  }

  #end(step: Running, mark: string, note: string): void {
    this.#running.delete(step);
    const line = this.#line(mark, step, note);
    this.#screen.write(this.#screen.isTerminal ? `\r\x1b[2K${fold(line, this.#screen.columns)}\n` : `${line}\n`);
    if (this.#running.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #line(mark: string, { title, since }: Running, text: string): string {
    const elapsed = formatSeconds((this.#now() - since) / 1000);
    return `${mark} ${title.padEnd(22)} ${elapsed.padStart(8)}${text === "" ? "" : `  ${text}`}`;
  }
}

/** `0.4 s`, `12 s`, `3 min 07 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 100) return `${whole} s`;
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** Steps are written to standard error: standard output is for what a command answers. */
function standardError(): Screen {
  return {
    write: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY,
    columns: process.stderr.columns,
  };
}
