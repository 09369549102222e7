import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { z } from "zod";
import type { Edge } from "./edge.ts";
import type { Folders } from "./folders.ts";
import type { Report } from "./steps.ts";
import { readWavFacts } from "./wav.ts";

/** Seconds until the sentences must have been spoken. */
const TIMEOUT_SECONDS = 120;

/** What a job of kind `speech` ends with. */
const resultSchema = z.looseObject({ durationSeconds: z.number(), peakDbfs: z.number() });

/** A spoken text on this machine. */
export interface Spoken {
  /** Path of the WAV file, from the checkout's folder. */
  readonly path: string;
  readonly durationSeconds: number;
  readonly peakDbfs: number;
}

/**
 * Lets the stack speak toolchain/hello.txt, and compares what the job says of the sound with the sound itself.
 *
 * @throws UserError when the job fails; Error when the two differ
 */
export async function speak(edge: Edge, { root }: Folders, report: Report): Promise<Spoken> {
  const text = readFileSync(join(root, "toolchain/hello.txt"), "utf8").replaceAll(/\s+/g, " ").trim();
  const { id } = await edge.createJob("speech", { text });
  const job = await edge.finished(id, TIMEOUT_SECONDS, ({ state }) => {
    report(`job ${id} ${state}`);
  });
  const said = resultSchema.parse(job.result);
  const file = await edge.readArtifact(id);
  const heard = readWavFacts(file);
  compare(id, "lasts", said.durationSeconds, heard.durationSeconds, 0.01);
  compare(id, "peaks at", said.peakDbfs, heard.peakDbfs, 0.1);
  const path = join(root, "dist/hello.wav");
  mkdirSync(join(root, "dist"), { recursive: true });
  writeFileSync(path, file);
  return { path: relative(root, path), durationSeconds: heard.durationSeconds, peakDbfs: heard.peakDbfs };
}

function compare(id: string, what: string, said: number, heard: number, tolerance: number): void {
  if (Math.abs(said - heard) <= tolerance) return;
  throw new Error(`Job ${id} says that its sound ${what} ${said}, and the file itself ${what} ${heard}.`);
}
