import { spawn, type ChildProcess } from "node:child_process";
import { appendFileSync, closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf } from "./processes.ts";

/** Where programs listen. Not 127.0.0.1: an API that still starts answers there, for its own container alone. */
export const HOST = "127.0.0.2";

/** Lines of its log that a crash is told with. */
const LAST_LINES = 12;

/** Pause before a program that ended is started again, in milliseconds. */
const RESTART_MS = 100;

export interface ProgramOptions {
  readonly name: string;
  /** Path of the bundle and its arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  /** Where its output and its orders lie. */
  readonly folder: string;
}

/** An API or a worker that is started again whenever it ends, as an orchestrator would. */
export class Program {
  readonly name: string;
  readonly port: number;
  /** Ends that the harness did not order, by what they looked like. */
  readonly crashes: string[] = [];
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopping = false;
  /** It may end because it was killed, or because it came to a point that an order named. */
  #killed = false;
  #armed = false;

  constructor(options: ProgramOptions) {
    this.name = options.name;
    this.port = options.port;
    this.#options = options;
    this.#start();
  }

  /** 0 while it is down. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Pids of its places. */
  places(): number[] {
    return this.pid === 0 ? [] : childrenOf(this.pid);
  }

  /** Path of what it printed. */
  get output(): string {
    return `${this.#options.folder}/${this.name}.log`;
  }

  async isReady(): Promise<boolean> {
    try {
      const answer = await fetch(`http://${HOST}:${this.port}/health/ready`, { signal: AbortSignal.timeout(3000) });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  }

  /** Kills it; it comes back by itself. */
  async kill(): Promise<void> {
    const ended = this.#ended;
    this.#killed = true;
    this.#child?.kill("SIGKILL");
    await ended;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  /** Gives an order to crash-points.ts. */
  order(order: { readonly dieAt?: readonly string[]; readonly blockMs?: number }): void {
    writeFileSync(this.#orders, JSON.stringify(order));
    if ((order.dieAt ?? []).length > 0) this.#armed = true;
    this.#child?.kill("SIGUSR2");
  }

  /** Point that it died at since the last time, if it did. */
  takeHit(): string | undefined {
    const path = `${this.#orders}.hit`;
    if (!existsSync(path)) return undefined;
    const hit = readFileSync(path, "utf8").trim();
    rmSync(path);
    return hit;
  }

  /** Takes an order back. */
  relent(): void {
    this.order({});
    this.#armed = false;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#killed = true;
    this.#child?.kill("SIGKILL");
    await this.#ended;
  }

  get #orders(): string {
    return `${this.#options.folder}/${this.name}.orders`;
  }

  #start(): void {
    const { command, env, port, folder } = this.#options;
    const output = openSync(this.output, "a");
    const child = spawn(process.execPath, command, {
      cwd: folder,
      env: { PATH: process.env["PATH"], ...env, HOST, PORT: String(port), CHAOS_ORDERS: this.#orders },
      stdio: ["ignore", output, output],
    });
    closeSync(output);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        // It may reach a point before it hears that the order was taken back.
        const meant = this.#killed || this.#armed || this.takeHit() !== undefined;
        if (!meant) this.#noteCrash(signal ?? `status ${code ?? "unknown"}`);
        [this.#killed, this.#armed] = [false, false];
        this.#child = undefined;
        resolve();
        void this.#again();
      });
    });
  }

  #noteCrash(how: string): void {
    const crash = `${this.name} ended by itself: ${how}, at ${new Date().toISOString()}`;
    const log = readFileSync(this.output, "utf8").trimEnd().split("\n").slice(-LAST_LINES).join("\n");
    this.crashes.push(`${crash}; it said last:\n${log}`);
    appendFileSync(this.output, `--- ${crash}\n`);
  }

  async #again(): Promise<void> {
    if (this.#stopping) return;
    await sleep(RESTART_MS);
    if (!this.#isStopping()) this.#start();
  }

  #isStopping(): boolean {
    return this.#stopping;
  }
}
