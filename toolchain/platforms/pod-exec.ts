import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { Exec, type KubeConfig, type V1Status } from "@kubernetes/client-node";
import { UserError } from "../command.ts";

/** Runs a command in the first container of a pod that runs; its exit code and what it printed on standard output. */
export async function execInPod(
  config: KubeConfig,
  { namespace, pod, container }: { readonly namespace: string; readonly pod: string; readonly container: string },
  command: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> {
  const [output, log] = [new PassThrough(), new PassThrough()];
  const said = Promise.all([text(output), text(log)]);
  const status = await new Promise<V1Status>((resolve, reject) => {
    new Exec(config)
      .exec(namespace, pod, container, [...command], output, log, null, false, resolve)
      // Its type is one that the SDK does not bring along.
      .then((socket: unknown) => {
        if (!isSocket(socket)) return;
        socket.once("close", () => {
          reject(new UserError(`The connection to ${pod} broke off.`));
        });
      }, reject);
  });
  output.end();
  log.end();
  const code = status.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  if (status.status !== "Success" && code === undefined)
    throw new UserError(`${pod} took no command: ${status.message ?? "without a reason"}`);
  return { code: Number(code ?? 0), output: (await said)[0].trim() };
}

function isSocket(value: unknown): value is { readonly once: (event: "close", listener: () => void) => unknown } {
  return typeof value === "object" && value !== null && "once" in value && typeof value.once === "function";
}
