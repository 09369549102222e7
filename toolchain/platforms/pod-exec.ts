import { PassThrough } from "node:stream";
import { Exec, type KubeConfig, type V1Status } from "@kubernetes/client-node";
import { messageOf } from "../../configs/message.ts";
import { UserError } from "../command.ts";
import { each, type Lines, type Output } from "../lines.ts";

/** A namespace of a cluster. */
export interface ClusterPlace {
  readonly config: KubeConfig;
  readonly namespace: string;
}

/** A container of a pod. */
export interface PodPlace extends ClusterPlace {
  readonly pod: string;
  readonly container: string;
}

/**
 * Runs what ends by itself within a moment.
 *
 * @param input its first line; it is not told where its input ends
 */
export async function askInPod(
  place: PodPlace,
  command: readonly string[],
  input?: string,
): Promise<Output & { log: string }> {
  const [lines, log]: [string[], string[]] = [[], []];
  const to = { onLine: (line: string) => lines.push(line), onLogLine: (line: string) => log.push(line) };
  const code = await runInPod(place, command, { ...to, input });
  return { output: lines.join("\n"), log: log.join("\n"), code };
}

/** What goes into a program and what comes out. */
export interface Fed extends Lines {
  /** Of its standard input, which stays open. @default it has none */
  readonly input?: string | undefined;
}

/**
 * Runs a program in a container of a pod that runs.
 *
 * @returns its exit code
 */
export async function runInPod(place: PodPlace, command: readonly string[], to: Fed): Promise<number> {
  const [output, log] = [new PassThrough(), new PassThrough()];
  const stdin = to.input === undefined ? null : new PassThrough();
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
    const socket: unknown = await exec.exec(
      namespace,
      pod,
      container,
      [...command],
      output,
      log,
      stdin,
      false,
      (status) => {
        settle(status, ended);
        end();
      },
    );
    if (!isSocket(socket)) throw new Error("the client gave no connection");
    socket.once("close", () => {
      ended.reject(new UserError(`The connection to ${pod} broke off. Is it still there? Run this again.`));
      end();
    });
    stdin?.write(to.input);
  } catch (error) {
    ended.reject(new UserError(`${place.pod} takes no command: ${messageOf(error)}`));
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
