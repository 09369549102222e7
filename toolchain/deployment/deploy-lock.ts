import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Folders } from "../folders.ts";
import { stackFolder } from "./deployments-log.ts";

const holderSchema = z.object({
  /** Of this one hold. */
  id: z.string(),
  pid: z.int(),
  /** When the process began, as the kernel counts: another one may come to have its number. */
  processStart: z.string(),
  username: z.string(),
  hostname: z.string(),
  /** Since when, ISO 8601. */
  timestamp: z.string(),
  command: z.string(),
});
/** Who holds a stack. */
export type Holder = z.infer<typeof holderSchema>;

/** What came of asking for the lock. */
export type Asked =
  { readonly kind: "taken"; readonly release: () => void } | { readonly kind: "held"; readonly by: Holder };

/** What this machine knows of processes. */
export interface Processes {
  readonly hostname: string;
  /** When a process began; nothing where there is none of that number. */
  readonly startOf: (pid: number) => string | undefined;
}

/**
 * Around checks, snapshot, deploy and record, where Pulumi's own is around the deploy alone. One whose process is gone is taken over; one of
 * another machine never is, as its process cannot be seen from here.
 */
export class DeployLock {
  readonly path: string;
  readonly #processes: Processes;

  constructor(stack: string, folders: Pick<Folders, "state">, processes: Processes = thisMachine()) {
    this.path = join(stackFolder(stack, folders), "deploy.lock");
    this.#processes = processes;
    mkdirSync(stackFolder(stack, folders), { recursive: true, mode: 0o700 });
  }

  /** Takes it, where nobody alive holds it. */
  ask(command: string): Asked {
    const own = this.#ownHolder(command);
    while (!this.#write(own)) {
      const by = this.#read();
      // Given back at this very moment.
      if (by === undefined) continue;
      if (this.#isAlive(by)) return { kind: "held", by };
      this.#breakStale(by);
    }
    const release = () => {
      if (this.#read()?.id === own.id) rmSync(this.path, { force: true });
    };
    return { kind: "taken", release };
  }

  /** Who holds it now; nobody where the process is gone. Only looks. */
  holder(): Holder | undefined {
    const by = this.#read();
    return by !== undefined && this.#isAlive(by) ? by : undefined;
  }

  /** A link to a complete file succeeds once, and nobody sees half of one. */
  #write(own: Holder): boolean {
    const draft = `${this.path}.${own.id}`;
    writeFileSync(draft, `${JSON.stringify(own)}\n`, { mode: 0o600, flag: "wx" });
    try {
      linkSync(draft, this.path);
      return true;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
      throw error;
    } finally {
      rmSync(draft);
    }
  }

  #read(): Holder | undefined {
    try {
      return holderSchema.parse(JSON.parse(readFileSync(this.path, "utf8")));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw new Error(`${this.path} is no lock of a deploy. Remove it if nobody deploys: rm ${this.path}`, {
        cause: error,
      });
    }
  }

  #isAlive({ hostname: host, pid, processStart }: Holder): boolean {
    return host !== this.#processes.hostname || this.#processes.startOf(pid) === processStart;
  }

  /** Moved away first: of two that find it stale one alone moves it, and a new one that was moved by mistake is put back. */
  #breakStale({ id }: Holder): void {
    const aside = `${this.path}.stale-${randomUUID()}`;
    try {
      renameSync(this.path, aside);
    } catch {
      return;
    }
    const moved = holderSchema.parse(JSON.parse(readFileSync(aside, "utf8")));
    if (moved.id !== id) linkSync(aside, this.path);
    rmSync(aside);
  }

  #ownHolder(command: string): Holder {
    return {
      ...{ id: randomUUID(), pid: process.pid, processStart: this.#processes.startOf(process.pid) ?? "" },
      ...{ username: userInfo().username, hostname: this.#processes.hostname },
      ...{ timestamp: new Date().toISOString(), command },
    };
  }
}

/** Who holds a stack, and what to do about it. */
export function describeHolder(
  stack: string,
  { command, username, hostname: host, pid, timestamp }: Holder,
  path: string,
): string {
  return (
    `${stack} is being deployed: ${command} by ${username}@${host}, process ${pid}, since ${timestamp}. ` +
    `Wait until it is done, or end it there by ^C; one that was killed is healed by itself by the next run on ${host}. ` +
    `Only if that machine is gone for good: rm ${path}`
  );
}

/** This machine, as the kernel tells of it. */
export function thisMachine(processes = "/proc"): Processes {
  return {
    hostname: hostname(),
    startOf: (pid) => {
      try {
        // Behind the name in brackets, which may hold anything, the 20th field is the start.
        const fields = readFileSync(join(processes, String(pid), "stat"), "utf8")
          .split(") ")
          .at(-1)
          ?.split(" ");
        // A zombie holds nothing any more.
        return fields?.[0] === "Z" ? undefined : fields?.[19];
      } catch {
        return undefined;
      }
    },
  };
}
