import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { PermanentFailure } from "../../jobs/kind.ts";

/** No text of 5,000 characters at half speed comes near this: half an hour of 22,050 Hz. */
const MAX_SOUND_BYTES = 80 * 1024 * 1024;
const MAX_ERROR_CHARACTERS = 2000;

const MISSING = "install the Debian package espeak-ng, or set PATH so that it is found";

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Runs espeak-ng once. The text goes in by stdin, never by the command line.
 *
 * @returns what it printed
 * @throws PermanentFailure for a voice that it does not have, Error for all else
 */
export async function runEspeak(
  program: string,
  args: readonly string[],
  input: string,
  signal: AbortSignal,
): Promise<Buffer> {
  signal.throwIfAborted();
  const child = spawn(program, [...args], {
    stdio: "pipe",
    signal,
    killSignal: "SIGKILL",
    // Nothing of our own environment: it is a program that reads what strangers write.
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LANG: "C.UTF-8" },
  });
  const [sound, complaint, status] = await Promise.all([
    collect(child, child.stdout),
    collectText(child.stderr),
    exitOf(child, signal),
    feed(child, input),
  ]);
  if (status === 0) return sound;
  if (/voice does not exist/i.test(complaint)) {
    throw new PermanentFailure(
      "unknown-voice",
      "espeak-ng does not have this voice; `espeak-ng --voices` lists those it has",
    );
  }
  throw new Error(`espeak-ng ended with ${status ?? "a signal"}: ${complaint.trim() || "it said nothing"}`);
}

async function exitOf(child: Child, signal: AbortSignal): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      const missing = "code" in error && error.code === "ENOENT";
      reject(
        signal.aborted ? asError(signal.reason) : missing ? new Error(`espeak-ng was not found; ${MISSING}`) : error,
      );
    });
    child.once("close", resolve);
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

async function feed(child: Child, input: string): Promise<void> {
  // A program that ends early breaks the pipe; its exit status says why.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
}

async function collect(child: Child, stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_SOUND_BYTES) child.kill("SIGKILL");
    else chunks.push(chunk);
  });
  await closed(stream);
  return Buffer.concat(chunks);
}

async function collectText(stream: Readable): Promise<string> {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(0, MAX_ERROR_CHARACTERS);
  });
  await closed(stream);
  return text;
}

async function closed(stream: Readable): Promise<void> {
  await new Promise((resolve) => stream.once("close", resolve));
}
