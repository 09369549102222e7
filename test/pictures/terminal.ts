import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** As narrow as terminals are. */
export const COLUMNS = 80;
/** Enough that nothing scrolls out of sight. */
const ROWS = 100;

/** A shell in a real terminal, which somebody types into. */
export class Terminal {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /** @param env what the shell and all that it starts read */
  static async open(folder: string, env: NodeJS.ProcessEnv): Promise<Terminal> {
    const socket = `slipway-${process.pid}`;
    const size = ["-x", String(COLUMNS), "-y", String(ROWS)];
    await run("tmux", ["-u", "-L", socket, "-f", "/dev/null", "new-session", "-d", ...size, "-c", folder, "sh"], {
      env: { ...env, LANG: "C.UTF-8" },
    });
    const terminal = new Terminal(socket);
    await terminal.#enter("PS1='$ '");
    return terminal;
  }

  /** Types a command on an empty screen. */
  async type(command: string): Promise<void> {
    await this.#enter("clear");
    await this.shows(/^\$$/);
    await this.#enter(command);
  }

  /** Waits until the screen shows something; gives its lines, without the empty ones below. */
  async shows(what: RegExp): Promise<string[]> {
    for (;;) {
      const { stdout } = await this.#tmux("capture-pane", "-p", "-e");
      const text = stdout.trimEnd();
      if (what.test(text)) return text.split("\n");
      await sleep(100);
    }
  }

  /** Types a command and waits for its end; gives what is on the screen then, without the prompt for the next one. */
  async ran(command: string): Promise<string[]> {
    await this.type(command);
    return (await this.shows(/\n\$$/)).slice(0, -1);
  }

  async close(): Promise<void> {
    await this.#tmux("kill-server");
  }

  async #enter(line: string): Promise<void> {
    await this.#tmux("send-keys", "-l", line);
    await this.#tmux("send-keys", "Enter");
  }

  #tmux(...words: readonly string[]) {
    return run("tmux", ["-L", this.#socket, ...words]);
  }
}
