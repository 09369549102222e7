/** Kinds that misbehave on purpose, for tests of whatever runs handlers. */
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { z } from "zod";
import { defineKind, PermanentFailure, type JobContext } from "../../jobs/kind.ts";

const params = z.record(z.string(), z.unknown());

type Handler = (context: JobContext, params: Record<string, unknown>) => Promise<unknown>;

function kind(name: string, handler: Handler, timeoutMs = 60_000) {
  const retry = { maxAttempts: 1, delayMs: 0 };
  const described = { name, params, result: z.unknown(), queue: "default", retry, timeoutMs, handler } as const;
  return [name, defineKind(described)] as const;
}

function block(milliseconds: number): void {
  const until = Date.now() + milliseconds;
  while (Date.now() < until);
}

export const TEST_KINDS = new Map([
  kind("echo", async (_, given) => given),
  kind("where", async () => ({ thread: threadId, pid: process.pid, env: process.env, argv: process.argv })),
  kind("fail", async () => {
    throw new Error("as asked");
  }),
  kind("hopeless", async () => {
    throw new PermanentFailure("no-hope", "not today");
  }),
  kind("no-json", async () => 1n),
  kind("nothing", async () => undefined),
  kind("wait", async ({ signal }) => sleep(600_000, undefined, { signal })),
  kind("deaf", async () => new Promise(() => undefined)),
  kind("block", async (_, { ms }) => {
    block(Number(ms));
  }),
  kind(
    "block-too-long",
    async (_, { ms }) => {
      block(Number(ms));
    },
    1000,
  ),
  kind("sleep", async ({ signal }, { ms }) => sleep(Number(ms), "slept", { signal })),
  kind("exit", async (_, { status }) => process.exit(Number(status))),
  kind("memory", async () => {
    const held: number[][] = [];
    for (;;) held.push(Array.from({ length: 1e6 }, (__, index) => index));
  }),
  kind("spawn", async () => {
    const child = spawn("sleep", ["600"], { stdio: "ignore" });
    return { pid: process.pid, child: child.pid };
  }),
  kind("count", async (context) => {
    const positions: number[] = [];
    for await (const member of context.members()) {
      positions.push(member.position);
      context.progress({ percent: positions.length, message: member.jobId });
    }
    await context.saveArtifact({ mediaType: "text/plain", extension: "txt", content: Buffer.from(positions.join()) });
    return positions;
  }),
  // It hears that it is to stop only when it has succeeded.
  kind("too-late", async (context, { ms }) => {
    await context.saveArtifact({ mediaType: "text/plain", extension: "txt", content: Buffer.from("too late") });
    block(Number(ms));
  }),
  kind("late", async (context) => {
    await context.saveArtifact({ mediaType: "text/plain", extension: "txt", content: Buffer.from("late") });
    await sleep(600_000, undefined, { signal: context.signal });
  }),
]);
