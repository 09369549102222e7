import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CommandError } from "./command.ts";
import { BACKEND } from "./env.ts";
import type { Folders } from "./folders.ts";
import { StackLocked } from "./lock.ts";
import { generatedSecret, localStackNames, resourceLine, Stack, stackExists, stackNames } from "./stack.ts";

test.each([
  [" +  docker:index:Container api-1 created (0.31s)", "Container api-1 created (0.31s)"],
  ["    pulumi:pulumi:Stack slipway-dev running", "Stack slipway-dev running"],
  [" +- docker:index/container:Container edge replacing (1s)", "Container edge replacing (1s)"],
  ["Updating (dev):", "Updating (dev):"],
])("%j is shown as %j", (line, shown) => {
  expect(resourceLine(line)).toBe(shown);
});

test("a generated secret is found by its name among passwords alone", () => {
  const resource = (type: string, name: string, plaintext?: string) => ({
    urn: `urn:pulumi:dev::slipway::${type}::${name}`,
    type,
    ...(plaintext !== undefined && { outputs: { length: 44, result: { plaintext: JSON.stringify(plaintext) } } }),
  });
  const password = "random:index/randomPassword:RandomPassword";
  const state = {
    version: 3,
    deployment: {
      resources: [
        resource("random:index/randomId:RandomId", "backup-key", "an id"),
        {
          urn: "urn:pulumi:dev::slipway::uuid::release",
          type: "random:index/randomUuid:RandomUuid",
          outputs: { result: "plain" },
        },
        resource(password, "another-backup-key", "another"),
        resource(password, "backup-key", "the key"),
        resource(password, "unmade"),
      ],
    },
  };
  expect(generatedSecret(state, "backup-key")).toBe("the key");
  expect(generatedSecret(state, "unmade")).toBeUndefined();
  expect(generatedSecret(state, "redis-password")).toBeUndefined();
  expect(generatedSecret({ version: 3, deployment: {} }, "backup-key")).toBeUndefined();
});

describe("a stack in the backend in use", () => {
  let folder: string;
  let folders: Folders;
  let env: Record<string, string>;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "slipway-backend-"));
    folders = { root: folder, cache: join(folder, "cache"), state: join(folder, "state"), config: "" };
    env = { PATH: `${folder}:${process.env["PATH"] ?? ""}` };
    mkdirSync(join(folders.state, ".pulumi/stacks/slipway"), { recursive: true });
    writeFileSync(join(folders.state, ".pulumi/stacks/slipway/mine.json"), "{}");
    pulumiThat(`echo '[{"name":"theirs"},{"name":"organization/slipway/ours"}]'`);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  /** In place of Pulumi: it writes down what it is asked. */
  function pulumiThat(script: string): void {
    writeFileSync(join(folder, "pulumi"), `#!/bin/sh\necho "$*" >> '${folder}/asked'\n${script}\n`);
    chmodSync(join(folder, "pulumi"), 0o755);
  }
  const asked = () =>
    existsSync(join(folder, "asked")) ? readFileSync(join(folder, "asked"), "utf8").trim().split("\n") : [];
  const bring = () => Promise.resolve(env);
  const stack = (name: string) => new Stack(name, folders, env);

  test("is looked for in the folder where states lie on this machine, and nothing is started for it", async () => {
    vi.stubEnv(BACKEND, "");
    const notBrought = () => Promise.reject(new Error("Pulumi was brought"));
    expect(await stackNames(folders, notBrought)).toEqual(["mine"]);
    expect(await stackExists("theirs", folders, notBrought)).toBe(false);
    expect([await stack("mine").exists(), await stack("theirs").exists()]).toEqual([true, false]);
    expect(asked()).toEqual([]);
  });

  test("is asked of the backend that machines share, whatever lies on this machine", async () => {
    vi.stubEnv(BACKEND, "s3://states");
    expect(await stackNames(folders, bring)).toEqual(["theirs", "ours"]);
    expect([await stack("ours").exists(), await stack("mine").exists()]).toEqual([true, false]);
    expect(localStackNames(folders)).toEqual(["mine"]);
    expect(new Set(asked())).toEqual(new Set(["stack ls --json --non-interactive"]));
  });

  test("a backend that does not answer is no stack that is not there", async () => {
    vi.stubEnv(BACKEND, "s3://states");
    pulumiThat("echo 'error: no such bucket' >&2; exit 255");
    await expect(stack("theirs").exists()).rejects.toThrow("no such bucket");
  });

  test("is made where there is none, and else not", async () => {
    vi.stubEnv(BACKEND, "s3://states");
    await stack("theirs").create();
    expect(asked()).toHaveLength(1);
    await stack("mine").create();
    expect(asked().at(-1)).toMatch(/^stack init mine --no-select --non/);
    writeFileSync(join(folder, "Pulumi.new.yaml"), "secretsprovider: awskms://alias/states\nconfig: {}\n");
    await stack("new").create();
    expect(asked().at(-1)).toContain("stack init new --no-select --secrets-provider awskms://alias/states ");
  });

  /** A lock as Pulumi writes it, in a folder that machines share. */
  function locked(pid: number, host: string): void {
    vi.stubEnv(BACKEND, `file://${folder}/shared`);
    const locks = join(folder, "shared/.pulumi/locks/organization/slipway/ours");
    mkdirSync(locks, { recursive: true });
    writeFileSync(
      join(locks, "a.json"),
      JSON.stringify({ pid, username: "me", hostname: host, timestamp: "2026-11-30T07:00:00Z" }),
    );
  }

  test("that another machine holds in a shared folder is not waited for, and its lock stays", async () => {
    locked(process.pid, "elsewhere");
    const refused = stack("ours").unlock(() => undefined);
    await expect(refused).rejects.toThrow(StackLocked);
    await expect(refused).rejects.toThrow(`me@elsewhere, process ${process.pid}, since 2026-11-30T07:00:00Z`);
    expect(asked()).toEqual([]);
  });

  test("that a killed process of this machine holds in a shared folder is healed", async () => {
    locked(2 ** 30, hostname());
    expect(await stack("ours").unlock(() => undefined)).toBe("healed");
    expect(asked()).toEqual([expect.stringContaining("cancel ours --yes")]);
  });

  test("that somebody holds in a bucket is refused by Pulumi, and the refusal says who does", async () => {
    vi.stubEnv(BACKEND, "s3://states");
    pulumiThat(
      "echo 'error: the stack is currently locked by 1 lock(s). Either wait' >&2\n" +
        "echo '  s3://states/a.json: created by me@elsewhere (pid 12) at 2026-11-30T07:00:00Z' >&2; exit 255",
    );
    expect(await stack("ours").unlock(() => undefined)).toBe("free");
    const refused: unknown = await stack("ours")
      .settle(() => undefined)
      .catch((error: unknown) => error);
    expect(refused).not.toBeInstanceOf(CommandError);
    expect(String(refused)).toMatch(/StackLocked: ours is locked.*me@elsewhere, process 12/);
  });
});
