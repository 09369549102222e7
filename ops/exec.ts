import { randomUUID } from "node:crypto";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { whileElsewhere } from "../toolchain/command.ts";
import { each, type Lines } from "../toolchain/lines.ts";

export interface ExecOptions extends Lines {
  /** Written to its standard input, which is closed then. @default none */
  readonly input?: string;
}

/** By this variable a program is found again that was started here: the engine has no way to send a signal to one. */
export const MARK = "SLIPWAY_RUN";

/** Sends SIGINT to the marked program, and not to what it has started, which has the mark too. */
export const INTERRUPT = `
const { readdirSync, readFileSync } = require("node:fs");
const marked = new Map();
for (const pid of readdirSync("/proc").filter((name) => /^\\d+$/.test(name))) {
  try {
    const has = readFileSync("/proc/" + pid + "/environ", "utf8").split("\\0").includes(process.argv[1]);
    if (has) marked.set(pid, /^PPid:\\s*(\\d+)/m.exec(readFileSync("/proc/" + pid + "/status", "utf8"))[1]);
  } catch {}
}
for (const [pid, parent] of marked) if (!marked.has(parent)) process.kill(Number(pid), "SIGINT");
`;

/**
 * Runs a program in a container that runs. Where this process is told to end, the program is told, and comes to its end in its own way.
 *
 * @param argv whose first word is a Node: it delivers the signal
 * @returns its exit code
 */
export async function execIn(
  container: Docker.Container,
  docker: Docker,
  argv: readonly [node: string, ...rest: string[]],
  options: ExecOptions,
): Promise<number> {
  const mark = `${MARK}=${randomUUID()}`;
  const hasInput = options.input !== undefined;
  const exec = await container.exec({
    ...{ Cmd: [...argv], Env: [mark], AttachStdin: hasInput },
    ...{ AttachStdout: true, AttachStderr: true },
  });
  const interrupt = () => {
    container.exec({ Cmd: [argv[0], "-e", INTERRUPT, mark] }).then((killer) => killer.start({ Detach: true }), ignore);
  };
  return whileElsewhere(async () => {
    const stream = await exec.start({ hijack: hasInput, stdin: hasInput });
    const read = readLines(docker, stream, options);
    if (hasInput) stream.end(options.input);
    await read;
    return exitCode(exec);
  }, interrupt);
}

/** Reads a stream of the engine to its end, line by line. */
export async function readLines(docker: Docker, stream: NodeJS.ReadableStream, to: Lines): Promise<void> {
  const [output, log] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, output, log);
  const end = () => {
    output.end();
    log.end();
  };
  for (const event of ["end", "close", "error"]) stream.once(event, end);
  await Promise.all([each(output, to.onLine), each(log, to.onLogLine)]);
}

/** The engine says that the stream is at its end a moment before it knows how the program ended. */
export async function exitCode(exec: Docker.Exec): Promise<number> {
  for (;;) {
    const { Running, ExitCode } = await exec.inspect();
    if (!Running) return ExitCode ?? 1;
    await sleep(50);
  }
}

function ignore(): void {
  // The program may have ended by itself in the meantime.
}
