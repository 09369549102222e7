import { randomUUID } from "node:crypto";
import { PassThrough } from "node:stream";
import { Exec, type KubeConfig, type V1Status } from "@kubernetes/client-node";
import { UserError, whileElsewhere } from "../toolchain/command.ts";
import { each, INTERRUPT, MARK, type ExecOptions, type Lines, type Output } from "./exec.ts";

/** A container of a pod. */
export interface PodPlace {
  readonly config: KubeConfig;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Reads as many bytes as it is told and closes the program's input then: over this way nobody else can. */
const FED = 'head --bytes="$1" | "${@:2}"';

/**
 * Runs a program in a container of a pod that runs. Where this process is told to end, the program is told, and comes to its end in its own
 * way.
 *
 * @param argv whose first word is a Node: it delivers the signal
 * @returns its exit code
 */
export async function execInPod(
  place: PodPlace,
  argv: readonly [node: string, ...rest: string[]],
  { input, ...lines }: ExecOptions,
): Promise<number> {
  const mark = `${MARK}=${randomUUID()}`;
  const marked = ["/usr/bin/env", mark, ...argv];
  const command =
    input === undefined ? marked : ["/bin/bash", "-c", FED, "slipway", String(Buffer.byteLength(input)), ...marked];
  const interrupt = () => {
    run(place, [argv[0], "-e", INTERRUPT, mark], undefined, SILENT).catch(() => undefined);
  };
  return whileElsewhere(() => run(place, command, input, lines), interrupt);
}

const SILENT: Lines = { onLine: () => undefined, onLogLine: () => undefined };

/**
 * Runs what ends by itself within a moment.
 *
 * @param input its first line; it is not told where its input ends
 */
export async function askInPod(place: PodPlace, command: string[], input?: string): Promise<Output & { log: string }> {
  const [lines, log]: [string[], string[]] = [[], []];
  const to = { onLine: (line: string) => lines.push(line), onLogLine: (line: string) => log.push(line) };
  const code = await run(place, command, input, to);
  return { output: lines.join("\n"), log: log.join("\n"), code };
}

async function run(place: PodPlace, command: string[], input: string | undefined, to: Lines): Promise<number> {
  const [output, log] = [new PassThrough(), new PassThrough()];
  const stdin = input === undefined ? null : new PassThrough();
  const ended = Promise.withResolvers<number>();
  ended.promise.catch(() => undefined); // Awaited below, once all lines were taken.
  const read = Promise.all([each(output, to.onLine), each(log, to.onLogLine)]);
  const end = () => {
    output.end();
    log.end();
  };
  try {
    const { namespace, pod, container } = place;
    const exec = new Exec(place.config);
    // Its type is one that the SDK does not bring along.
    const socket: unknown = await exec.exec(namespace, pod, container, command, output, log, stdin, false, (status) => {
      settle(status, ended);
      end();
    });
    if (!isSocket(socket)) throw new Error("the client gave no connection");
    socket.once("close", () => {
      ended.reject(new UserError(`The connection to ${pod} broke off. Is it still there? Run this again.`));
      end();
    });
    stdin?.write(input);
  } catch (error) {
    ended.reject(new UserError(`${place.pod} takes no command: ${reasonOf(error)}`));
    end();
  }
  await read;
  return ended.promise;
}

function settle(status: V1Status, ended: PromiseWithResolvers<number>): void {
  const cause = status.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  if (status.status === "Success") ended.resolve(0);
  else if (cause !== undefined) ended.resolve(Number(cause));
  else ended.reject(new UserError(`The pod took no command: ${status.message ?? "without a reason"}`));
}

function isSocket(value: unknown): value is { readonly once: (event: "close", listener: () => void) => unknown } {
  return typeof value === "object" && value !== null && "once" in value && typeof value.once === "function";
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
