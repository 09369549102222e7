import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RuntimeConfig } from "../configs/runtime.ts";
import { openSecret } from "../configs/secrets.ts";
import type { ObjectStore, StoredObject } from "../jobs/object-store.ts";
import { BackupFault } from "./faults.ts";
import type { BackupKeys } from "./keys.ts";
import { putSealed, readSealed } from "./repository-files.ts";
import { setKey } from "./sets.ts";

/** A snapshot as Redis writes it: `REDIS` and four digits, what it holds, 255, and a checksum of eight bytes. */
const BEGINNING = /^REDIS\d{4}$/;
const BEGINNING_BYTES = 9;
const END_OPCODE = 255;
const CHECKSUM_BYTES = 8;

/** Random hex digits: no snapshot ends with so many, as a byte of its last nine is 255. */
const MARK = /^[0-9a-f]{40}$/;
const MARK_BYTES = 40;

/** Seconds within which something must come. */
const SILENCE_SECONDS = 60;

/** Where Redis is, and where what opens it lies. */
type RedisPlace = Pick<
  RuntimeConfig<"backup">,
  "REDIS_HOST" | "REDIS_PORT" | "REDIS_USER" | "REDIS_TLS" | "REDIS_CA_FILE" | "secretsDirectory"
>;

/** What was put. */
export interface PutSnapshot {
  readonly bytes: number;
  readonly file: StoredObject;
}

/**
 * Takes a snapshot of Redis over the network, closes it and puts it: nothing of it touches a disk unclosed, and nothing is there before all is.
 *
 * @param signal fires when it has to end
 * @throws Error where Redis gives none, or not a whole one
 */
export async function putRedisSnapshot(
  store: ObjectStore,
  keys: BackupKeys,
  label: string,
  redis: RedisPlace,
  signal: AbortSignal,
): Promise<PutSnapshot> {
  let bytes = 0;
  async function* counted() {
    for await (const part of wholeSnapshot(withoutMark(readSnapshot(redis, signal)))) {
      bytes += part.byteLength;
      yield part;
    }
  }
  const file = await putSealed(store, keys, setKey(label, "redis"), counted());
  return { bytes, file };
}

/**
 * Reads the snapshot of a set; each piece is checked, and all of it when it has ended.
 *
 * @throws BackupFault
 */
export async function* readRedisSnapshot(
  store: ObjectStore,
  keys: BackupKeys,
  label: string,
): AsyncGenerator<Uint8Array> {
  const name = setKey(label, "redis");
  try {
    yield* wholeSnapshot(readSealed(store, keys, name));
  } catch (error) {
    if (error instanceof NoSnapshot) throw new BackupFault("damaged", name, error.message);
    throw error;
  }
}

class NoSnapshot extends Error {
  override readonly name = "NoSnapshot";
}

/** Lets a snapshot through and throws at its end where it was none. */
async function* wholeSnapshot(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let beginning = Buffer.alloc(0);
  let end = Buffer.alloc(0);
  for await (const part of parts) {
    if (beginning.length < BEGINNING_BYTES) beginning = Buffer.concat([beginning, part]).subarray(0, BEGINNING_BYTES);
    end = Buffer.concat([end, part]).subarray(-(CHECKSUM_BYTES + 1));
    yield part;
  }
  if (!BEGINNING.test(beginning.toString("latin1")))
    throw new NoSnapshot("it does not begin as a snapshot of Redis does");
  if (end.length <= CHECKSUM_BYTES || end.readUInt8(0) !== END_OPCODE)
    throw new NoSnapshot("it does not end as a snapshot of Redis does");
}

/** Where Redis sends without a file of its own, redis-cli passes on what marks the end, which is no part of the snapshot. */
async function* withoutMark(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held = Buffer.alloc(0);
  for await (const part of parts) {
    held = Buffer.concat([held, part]);
    if (held.length > MARK_BYTES) yield held.subarray(0, -MARK_BYTES);
    held = held.subarray(-MARK_BYTES);
  }
  if (!MARK.test(held.toString("latin1"))) yield held;
}

async function* readSnapshot(redis: RedisPlace, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const child = startRedisCli(redis);
  const { stdout } = child;
  if (!stdout) throw new Error("redis-cli has no output");
  const errors: string[] = [];
  child.stderr?.on("data", (part: Buffer) => errors.push(part.toString()));
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      resolve(code ?? undefined);
    });
  });
  ended.catch(() => undefined); // Awaited below, and perhaps only later.
  const silence = setTimeout(() => child.kill("SIGKILL"), SILENCE_SECONDS * 1000);
  const stop = () => child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const part of stdout) {
      silence.refresh();
      if (part instanceof Uint8Array) yield part;
    }
    const code = await ended;
    signal.throwIfAborted();
    if (code !== 0) throw new Error(reasonOf(redis, code, errors.join("")));
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", stop);
    child.kill("SIGKILL");
  }
}

/** It ends with this process, however that ends. The password is in its environment, which nobody else reads, and on no command line. */
function startRedisCli(redis: RedisPlace): ChildProcess {
  const tls = redis.REDIS_TLS === "verify" ? ["--tls", ...caOf(redis.REDIS_CA_FILE)] : [];
  const { user, password } = loginOf(redis);
  const place = ["-h", redis.REDIS_HOST, "-p", String(redis.REDIS_PORT)];
  const args = [...place, ...(user === undefined ? [] : ["--user", user]), ...tls, "--rdb", "-"];
  return spawn("setpriv", ["--pdeathsig=KILL", "--", "redis-cli", ...args], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", REDISCLI_AUTH: password },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Read anew each time: in a cluster a rotation changes the files while the agent runs. */
function loginOf({ REDIS_USER, secretsDirectory }: RedisPlace): { user: string | undefined; password: string } {
  const user = existsSync(join(secretsDirectory, "redis-user"))
    ? openSecret(secretsDirectory, "redis-user")
    : REDIS_USER;
  return { user, password: openSecret(secretsDirectory, "redis-password") };
}

function caOf(file: string | undefined): string[] {
  return file === undefined ? [] : ["--cacert", file];
}

function reasonOf(redis: RedisPlace, code: number | undefined, errors: string): string {
  const place = `Redis at ${redis.REDIS_HOST}:${redis.REDIS_PORT}`;
  const said = errors.trim().split("\n").slice(-3).join(" ").slice(0, 300);
  const how = code === undefined ? `said nothing for ${SILENCE_SECONDS} s` : "gave no snapshot";
  return `${place} ${how}: ${said}. Look at its log, its memory and the secret redis-password.`;
}
