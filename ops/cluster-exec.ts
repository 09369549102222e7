import { randomUUID } from "node:crypto";
import { whileElsewhere } from "../toolchain/command.ts";
import type { Lines } from "../toolchain/lines.ts";
import { runInPod, type PodPlace } from "../toolchain/platforms/pod-exec.ts";
import { INTERRUPT, MARK, type ExecOptions } from "./exec.ts";

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
    runInPod(place, [argv[0], "-e", INTERRUPT, mark], SILENT).catch(() => undefined);
  };
  return whileElsewhere(() => runInPod(place, command, { ...lines, input }), interrupt);
}

const SILENT: Lines = { onLine: () => undefined, onLogLine: () => undefined };
