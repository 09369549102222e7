import { setTimeout as sleep } from "node:timers/promises";
import { runChild } from "./children.ts";
import { STANZA, type RepositoryNumber } from "./pgbackrest-config.ts";
import { Busy } from "./lock.ts";

/** How far a command of pgBackRest is. */
export interface PgbackrestProgress {
  /** From 0 to 1, of the bytes of the database. */
  readonly share: number;
}

export interface RunOptions {
  readonly onProgress?: (progress: PgbackrestProgress) => void;
  /** Told each line that it prints. */
  readonly onLine?: (line: string) => void;
}

/** Runs pgBackRest under one configuration file. */
export interface Pgbackrest {
  readonly configFile: string;
  /**
   * Runs a command to its end.
   *
   * @returns what it printed
   * @throws PgbackrestFailed; Busy where another one of its kind runs
   */
  run(command: string, args?: readonly string[], options?: RunOptions): Promise<string>;
  /** The same for what answers with content alone: its messages are left out. */
  read(command: string, args: readonly string[]): Promise<string>;
}

/** pgBackRest ended with an error. */
export class PgbackrestFailed extends Error {
  override readonly name = "PgbackrestFailed";
  /** Its own number, as in `[082]`. */
  readonly code: number;

  constructor(command: string, code: number, message: string) {
    super(message === "" ? `pgBackRest ${command} ended with ${code}` : message);
    this.code = code;
  }
}

const LOCKED = 50;
/** How long one that was killed may need to let go of its lock, in milliseconds. */
const LOCK_PATIENCE_MS = 15_000;
const LOCK_PAUSE_MS = 500;

/** What to do about it, by pgBackRest's number. */
const ADVICE: Readonly<Record<number, string>> = {
  28: "The file is damaged; `slipway verify` tells which backups are still good.",
  38: "A Postgres runs on that folder; stop it, or restore into an empty folder.",
  40: "Restore into an empty folder.",
  41: "Check the repository's folder, its owner and its room.",
  44: "The repository belongs to another cluster; point BACKUP_REPOSITORY_DIR to this stack's own, or to an empty folder.",
  49: "The off-site repository does not answer; check BACKUP_OFFSITE_URL, BACKUP_OFFSITE_ENDPOINT and the network.",
  51: "The repository belongs to another cluster; point BACKUP_REPOSITORY_DIR to this stack's own, or to an empty folder.",
  55: "A file that has to be there is missing; `slipway verify` tells which backups are still good.",
  56: "Postgres must run, with its socket in POSTGRES_SOCKET_DIR.",
  64: "The repository could not be written; make room, then run it again.",
  75: "There is no such backup; `slipway backups` lists them.",
  82: "WAL does not reach the repository: look at the log of Postgres for archive-push, and at the repository's room.",
  87: "Postgres must run with archive_mode=on and archive-push of pgBackRest.",
  95: "The secret backup-key is not the one that this repository was made with, or the repository is damaged.",
  103: "No repository can be used; check that it is mounted, and that backup-key is the one that it was made with.",
};

/** @param signal fires when everything has to end */
export function createPgbackrest(configFile: string, signal: AbortSignal): Pgbackrest {
  const base = [`--config=${configFile}`, `--stanza=${STANZA}`];
  async function once(command: string, args: readonly string[], options: RunOptions): Promise<string> {
    const onLine = (line: string) => {
      options.onLine?.(line);
      const share = shareOf(line);
      if (share !== undefined) options.onProgress?.({ share });
    };
    const { code, output, errors } = await runChild("pgbackrest", [...base, command, ...args], { signal, onLine });
    if (code === 0) return output;
    if (code === LOCKED) throw new Busy(`pgBackRest ${command}: another one is running; wait until it has ended`);
    throw new PgbackrestFailed(command, code ?? -1, explain(command, code ?? -1, errors));
  }
  return {
    configFile,
    run: (command, args = [], options = {}) => patiently(() => once(command, args, options), signal),
    read: (command, args) => once(command, ["--log-level-console=off", "--log-level-stderr=error", ...args], {}),
  };
}

/** Option that picks one repository. */
export function onRepository(number: RepositoryNumber): string {
  return `--repo=${number}`;
}

/** One whose parent was killed ends by itself, but not at once. */
async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Busy) || performance.now() > deadline) throw error;
      await sleep(LOCK_PAUSE_MS, undefined, { signal });
    }
  }
}

/** From a line such as `P01 DETAIL: backup file /data/base/1/2604 (8KB, 12.50%) checksum ...`. */
export function shareOf(line: string): number | undefined {
  const percent = / file .*\((?:[^()]*, )?(?<percent>\d+(?:\.\d+)?)%\)/.exec(line)?.groups?.["percent"];
  return percent === undefined ? undefined : Number(percent) / 100;
}

/** Its own words, without time and process, and what to do about them. */
export function explain(command: string, code: number, output: string): string {
  const start = output.search(/ERROR: \[\d{3}\]: /);
  const said =
    start < 0
      ? `ended with ${code < 0 ? "a signal" : code}`
      : output
          .slice(start)
          .replace(/^ERROR: \[\d{3}\]: /, "")
          .split(/\n(?=\d{4}-\d\d-\d\d )/)[0]
          ?.split("\n")
          .map((line) => line.trim())
          .filter((line) => line !== "" && !/[^\x20-\x7e]/.test(line))
          .slice(0, 6)
          .join(" ");
  const advice = ADVICE[code];
  return `pgBackRest ${command}: ${said ?? ""}${advice === undefined ? "" : `. ${advice}`}`;
}
