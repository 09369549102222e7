import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { at, clusterStack, inputsOf, listAt, recordCluster, TYPES } from "../../test/pulumi/kubernetes.ts";
import { freePort, startProgram, until, type RunningProgram } from "../../test/servers/programs.ts";

/** A real Redis of this machine, started as the image starts it, with the arguments, files and probe of the stack; folders and port are the test's. */
let folder: string;
let secrets: string;
let port: number;
let server: RunningProgram;
let probe: readonly string[];

const IMAGES = new URL("../images/", import.meta.url).pathname;

beforeAll(async () => {
  const stack = await recordCluster(clusterStack({ autoscaler: "none" }));
  folder = mkdtempSync(join(tmpdir(), "slipway-cluster-redis-"));
  secrets = mkdtempSync(join(tmpdir(), "slipway-cluster-redis-secrets-"));
  port = await freePort();
  const here = (text: string) =>
    text
      // First: the test's own folders stand there too.
      .replaceAll("/tmp/", `${folder}/`)
      .replaceAll("/run/secrets/slipway", secrets)
      .replaceAll("/usr/local/lib/slipway", folder)
      .replaceAll("/var/lib/redis", folder)
      .replace("ping)", `-p ${port} ping)`)
      .replace(/^6379$/, String(port));
  for (const [name, text] of filesOf(stack)) writeFileSync(join(secrets, name), Buffer.from(text, "base64"));
  for (const [from, to] of [
    ["redis/start.sh", "start"],
    ["redis/healthy.sh", "healthy"],
    ["supervise.sh", "supervise.sh"],
  ] as const) {
    writeFileSync(join(folder, to), here(readFileSync(join(IMAGES, from), "utf8")));
    chmodSync(join(folder, to), 0o755);
  }
  const container = at(inputsOf(stack, TYPES.statefulSet, "redis"), "spec", "template", "spec", "containers", 0);
  const command = listAt(container, "readinessProbe", "exec", "command").map((word) => here(String(word)));
  probe = [join(folder, "healthy"), ...command.slice(1)];
  expect(command[0]).toBe("/usr/local/bin/healthy");
  server = startProgram([join(folder, "start"), ...listAt(container, "args").map((word) => here(String(word)))], {
    env: { ...process.env, SECRETS_DIR: secrets },
  });
  await until("Redis answers its probe", async () => ask().status === 0);
});
afterAll(async () => {
  await server.stop("SIGTERM");
  for (const one of [folder, secrets]) rmSync(one, { recursive: true, force: true });
});

function filesOf(stack: Parameters<typeof inputsOf>[0]): [string, string][] {
  return ["secrets-redis", "logins-redis"].flatMap((name) =>
    Object.entries(at(inputsOf(stack, TYPES.secret, name), "data") as Record<string, string>),
  );
}

function ask() {
  const [program = "", ...args] = probe;
  return spawnSync(program, args, { encoding: "utf8", env: { ...process.env, SECRETS_DIR: secrets } });
}

function ping(options: readonly string[], login?: readonly [user: string, password: string]): string {
  const user = login === undefined ? [] : ["--no-auth-warning", "--user", login[0]];
  const { stdout, stderr } = spawnSync("redis-cli", ["-p", String(port), ...options, ...user, "ping"], {
    encoding: "utf8",
    env: { ...process.env, ...(login && { REDISCLI_AUTH: login[1] }) },
  });
  return stdout + stderr;
}
const tls = () => ["--tls", "--cacert", join(secrets, "ca.crt")];

it("takes nobody in clear and nobody without the password", () => {
  expect(ping([])).toMatch(/closed the connection|reset by peer|Protocol error/);
  expect(ping(tls())).toContain("NOAUTH");
});

it("takes a second password in while it serves, and lets the first one go, by its files alone", async () => {
  const first = readFileSync(join(secrets, "redis-password"), "utf8");
  const comes = (user: string, password: string) => ping(tls(), [user, password]).includes("PONG");
  expect(comes("slipway_second", "second-password")).toBe(false);
  writeFileSync(join(secrets, "redis-password-second"), "second-password");
  await until("the second is taken", async () => comes("slipway_second", "second-password"));
  expect(comes("default", first)).toBe(true);
  renameSync(join(secrets, "redis-password"), join(folder, "kept"));
  await until("the first is refused", async () => !comes("default", first));
  // Not at once: who is just about to log in counts as the first user, and is cut off with those that came by its password.
  await until("the second and the probe come in", async () => {
    return comes("slipway_second", "second-password") && ask().status === 0;
  });
});
