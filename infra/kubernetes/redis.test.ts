import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { at, clusterStack, inputsOf, recordCluster, TYPES } from "../../test/pulumi/kubernetes.ts";
import { findProgram, freePort, startProgram, until, type RunningProgram } from "../../test/servers/programs.ts";

/** A real Redis of this machine with the configuration, certificate and probe of the stack; folders and port are the test's. */
let folder: string;
let port: number;
let server: RunningProgram;
let probe: readonly string[];

beforeAll(async () => {
  const stack = await recordCluster(clusterStack({ autoscaler: "none" }));
  folder = mkdtempSync(join(tmpdir(), "slipway-cluster-redis-"));
  port = await freePort();
  const here = (text: string) =>
    text
      .replaceAll("/run/secrets/slipway", folder)
      .replaceAll("/var/lib/redis", folder)
      .replace("tls-port 6379", `tls-port ${port}`)
      .replace("-p 6379", `-p ${port}`);
  const files = Object.entries(at(inputsOf(stack, TYPES.secret, "secrets-redis"), "data") as Record<string, string>);
  for (const [name, text] of files) writeFileSync(join(folder, name), Buffer.from(text, "base64"));
  const config = String(at(inputsOf(stack, TYPES.configMap, "redis-files"), "data", "redis.conf"));
  writeFileSync(join(folder, "redis.conf"), here(config));
  const set = inputsOf(stack, TYPES.statefulSet, "redis");
  const command = at(set, "spec", "template", "spec", "containers", 0, "readinessProbe", "exec", "command");
  probe = (command as readonly string[]).map(here);
  server = startProgram([findProgram("redis-server"), join(folder, "redis.conf")]);
  await until("Redis answers its probe", async () => ask().status === 0);
});
afterAll(async () => {
  await server.stop("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
});

function ask() {
  const [program = "", ...args] = probe;
  return spawnSync(program, args, { encoding: "utf8" });
}

it("answers its probe over TLS with its password, and no other", () => {
  expect(ask().status).toBe(0);
  writeFileSync(join(folder, "redis-password"), "another-password");
  expect(ask().status).not.toBe(0);
});

it("takes nobody in clear and nobody without the password", () => {
  const ping = (...options: readonly string[]) =>
    spawnSync("redis-cli", ["-p", String(port), ...options, "ping"], { encoding: "utf8" });
  const clear = ping();
  expect(clear.stdout + clear.stderr).toMatch(/closed the connection|reset by peer|Protocol error/);
  expect(ping("--tls", "--cacert", join(folder, "ca.crt")).stdout).toContain("NOAUTH");
});
