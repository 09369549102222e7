import { Readable } from "node:stream";
import type Docker from "dockerode";
import type { Label } from "./labels.ts";
import { LogLines } from "./log-lines.ts";

/** The Docker engine, asked by hooks while a deploy runs; never during a preview. */
export interface Engine {
  /** Starts a container that is not running. */
  start(id: string): Promise<void>;
  inspect(id: string): Promise<ContainerState>;
  /** Waits until it has exited; its exit code. */
  wait(id: string): Promise<number>;
  /** The last lines of its log. */
  logs(id: string, lines: number): Promise<string>;
  /** Hands on what it writes to standard output from now on, a line at a time. It is to be ended. */
  follow(id: string, take: (line: string) => void): Promise<Following>;
  /** Runs a command in a running container; its exit code and output. */
  exec(id: string, command: readonly string[]): Promise<{ readonly code: number; readonly output: string }>;
  /** Tells it to end. @param seconds until it is killed @default the engine's own, 10 */
  stop(id: string, seconds?: number): Promise<void>;
  /** Running containers that have this label, by id and value of another one. */
  list(label: Label, other: string): Promise<readonly { readonly id: string; readonly value: string }[]>;
}

/** A log that is read while it grows. */
export interface Following {
  /** Whether it broke off: the container ended, or the engine went away. */
  readonly isOver: boolean;
  end(): void;
}

/** What a hook needs to know of a container. */
export interface ContainerState {
  readonly name: string;
  readonly running: boolean;
  readonly restarts: number;
  readonly exitCode: number;
  /** `none` where the container has no health check. */
  readonly health: "none" | "starting" | "healthy" | "unhealthy";
  /** What the last health check printed. */
  readonly lastCheck: string;
}

/**
 * The engine that `DOCKER_HOST` names, or the local one. The client reads the variable itself, as the plugin does, with
 * its TLS settings and the SSH agent.
 *
 * @throws where DOCKER_HOST is no address of an engine
 */
export async function connectEngine(): Promise<Engine> {
  const host = process.env.DOCKER_HOST ?? "";
  if (host !== "" && !/^(unix|tcp|http|ssh):\/\//.test(host)) {
    throw new Error(`DOCKER_HOST is ${host}; allowed are unix://, tcp:// and ssh:// addresses.`);
  }
  // Loaded here: a preview never asks the engine and does not pay for the client.
  const { default: Client } = await import("dockerode");
  return engineOf(new Client());
}

/** The engine of a client that is there already. */
export function engineOf(docker: Docker): Engine {
  return new DockerEngine(docker);
}

class DockerEngine implements Engine {
  readonly #docker: Docker;

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  async start(id: string): Promise<void> {
    const container = this.#docker.getContainer(id);
    if ((await container.inspect()).State.Running) return;
    await container.start();
  }

  async inspect(id: string): Promise<ContainerState> {
    const { Name, State, RestartCount } = await this.#docker.getContainer(id).inspect();
    const log = State.Health?.Log ?? [];
    return {
      name: Name.replace(/^\//, ""),
      running: State.Running && !State.Restarting,
      restarts: RestartCount,
      exitCode: State.ExitCode,
      health: health(State.Health?.Status),
      lastCheck: log.at(-1)?.Output.trim() ?? "",
    };
  }

  async wait(id: string): Promise<number> {
    const { StatusCode } = (await this.#docker.getContainer(id).wait()) as { StatusCode: number };
    return StatusCode;
  }

  async logs(id: string, lines: number): Promise<string> {
    const raw = await this.#docker.getContainer(id).logs({ stdout: true, stderr: true, tail: lines });
    return demultiplex(raw);
  }

  async follow(id: string, take: (line: string) => void): Promise<Following> {
    const lines = new LogLines(take);
    const log = await this.#docker.getContainer(id).logs({ follow: true, stdout: true, tail: 0 });
    const following = {
      isOver: false,
      end: () => {
        if (log instanceof Readable) log.destroy();
      },
    };
    log.on("data", (chunk: Buffer) => {
      lines.push(chunk);
    });
    for (const event of ["end", "error"])
      log.on(event, () => {
        following.isOver = true;
      });
    return following;
  }

  async exec(id: string, command: readonly string[]): Promise<{ code: number; output: string }> {
    const exec = await this.#docker
      .getContainer(id)
      .exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({});
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
    const { ExitCode } = await exec.inspect();
    return { code: ExitCode ?? -1, output: demultiplex(Buffer.concat(chunks)).trim() };
  }

  async list({ label, value }: Label, other: string): Promise<readonly { id: string; value: string }[]> {
    const found = await this.#docker.listContainers({ filters: { label: [`${label}=${value}`, other] } });
    return found.map(({ Id, Labels }) => ({ id: Id, value: Labels[other] ?? "" }));
  }

  async stop(id: string, seconds?: number): Promise<void> {
    const container = this.#docker.getContainer(id);
    if ((await container.inspect()).State.Running) await container.stop(seconds === undefined ? {} : { t: seconds });
  }
}

function health(status: string | undefined): ContainerState["health"] {
  return status === "starting" || status === "healthy" || status === "unhealthy" ? status : "none";
}

/** The engine frames output: one byte stream, three zeros, four bytes length (API reference, "Attach to a container"). */
export function demultiplex(raw: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= raw.length;) {
    const length = raw.readUInt32BE(at + 4);
    parts.push(raw.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString("utf8");
}
