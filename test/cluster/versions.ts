import { setTimeout as sleep } from "node:timers/promises";
import { ALONE, type Requests } from "./load.ts";

/** What a request was answered with, and when it was asked and answered. */
interface Answered {
  readonly version: string;
  readonly began: number;
  readonly ended: number;
}

const PAUSE_MS = 25;

/** Asks an API for its version again and again, several at a time, each over a connection of its own: who keeps one keeps its pod. */
export class Versions {
  readonly #request: Requests;
  readonly #answered: Answered[] = [];
  readonly #clients: readonly Promise<void>[];
  #isOver = false;
  #fault: Error | undefined;

  constructor(request: Requests, clients = 3) {
    this.#request = request;
    this.#clients = Array.from({ length: clients }, () =>
      this.#ask().catch((error: unknown) => {
        this.#fault ??= new Error("a request for the version failed", { cause: error });
      }),
    );
  }

  /**
   * @returns versions in the order in which each was answered first, and how many requests were answered by another one although they began after the
   *   last of these had been seen
   * @throws what a request failed with
   */
  async end(): Promise<{ readonly order: readonly string[]; readonly stale: number; readonly requests: number }> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    if (this.#fault !== undefined) throw this.#fault;
    const byEnd = this.#answered.toSorted((a, b) => a.ended - b.ended);
    const order = [...new Set(byEnd.map(({ version }) => version))];
    const last = byEnd.find(({ version }) => version === order.at(-1));
    const stale = byEnd.filter(({ version, began }) => last && began > last.ended && version !== last.version);
    return { order, stale: stale.length, requests: byEnd.length };
  }

  async #ask(): Promise<void> {
    while (!this.#isOver) {
      // What comes up needs the processors too.
      await sleep(PAUSE_MS);
      const began = performance.now();
      const answer = await this.#request("/", undefined, ALONE);
      const { version } = (await answer.json()) as { version: string };
      this.#answered.push({ version, began, ended: performance.now() });
    }
  }
}
