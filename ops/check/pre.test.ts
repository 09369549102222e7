import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BackupRecord } from "../../backup/protocol.ts";
import { CommandError } from "../../toolchain/command.ts";
import { DeployLock } from "../../toolchain/deployment/deploy-lock.ts";
import { DeploymentsLog } from "../../toolchain/deployment/deployments-log.ts";
import { findEngine } from "../../toolchain/engine.ts";
import type { Folders } from "../../toolchain/folders.ts";
import { judgeWayBack, lookAtEngine, lookAtFile, lookAtLock, lookAtPassphrase, lookAtRunning } from "./pre.ts";

let folders: Folders;
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "slipway-pre-"));
  const below = (name: string) => join(root, name);
  folders = { root, cache: below("cache"), state: below("state"), config: below("config") };
  mkdirSync(folders.config);
});
afterEach(() => {
  rmSync(folders.root, { recursive: true });
});

describe("the engine", () => {
  const open: (Server | ReturnType<typeof createServer>)[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  /** Simulates an engine on a socket. @param containers that it says run */
  async function engine(containers: readonly object[] = []) {
    const path = join(folders.root, `docker-${open.length}.sock`);
    const answers: readonly (readonly [RegExp, unknown])[] = [
      [/\/_ping$/, "OK"],
      [/\/version$/, { Version: "26.1.5" }],
      [/\/info$/, { DockerRootDir: "/nonexistent/docker" }],
      [/\/containers\/json/, containers],
    ];
    const server = createHttpServer(({ url = "" }, response) => {
      const [, answer] = answers.find(([route]) => route.test(url)) ?? [];
      response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json", connection: "close" });
      response.end(JSON.stringify(answer));
    }).listen(path);
    open.push(server);
    await once(server, "listening");
    return findEngine({ DOCKER_HOST: `unix://${path}` });
  }

  async function listening() {
    const server = createServer().listen(0, "127.0.0.1");
    open.push(server);
    await once(server, "listening");
    return { address: "127.0.0.1", port: (server.address() as AddressInfo).port };
  }

  it("is well where it answers and the port is free, or its own edge has it", async () => {
    const taken = await listening();
    const free = await lookAtEngine("prod", { address: "127.0.0.1", port: 0 }, await engine());
    expect(free).toEqual({ state: "good", detail: "Docker 26.1.5; room on its disk; 127.0.0.1:0 is free" });
    const own = await lookAtEngine("prod", taken, await engine([{ Id: "edge" }]));
    expect(own).toEqual({ state: "good", detail: "Docker 26.1.5; room on its disk; its own edge listens" });
  });

  it("is bad where another program has the port, with the fix apart and for this stack", async () => {
    const taken = await listening();
    const { state, detail, mend } = await lookAtEngine("prod", taken, await engine());
    expect(state).toBe("bad");
    expect(detail).toMatch(new RegExp(`^The edge wants 127.0.0.1:${taken.port}, and something else listens there`));
    expect(mend).toMatch(/^End it, or choose another port:\n {2}pulumi config set --path edge\.port \d+ --stack prod$/);
  });

  it("is bad where it does not answer, whatever the reason", async () => {
    const silent = await findEngine({ DOCKER_HOST: "unix:///nonexistent/docker.sock" });
    expect(await lookAtEngine("dev", undefined, silent)).toEqual({
      ...{ state: "bad", mend: "Start that engine, or: unset DOCKER_HOST" },
      detail: "DOCKER_HOST is unix:///nonexistent/docker.sock, and nothing answers there",
    });
    expect(await lookAtEngine("dev", undefined, { none: true })).toMatchObject({ state: "bad", mend: /make up/ });
    const denied = await lookAtEngine("dev", undefined, { denied: "unix:///run/docker.sock" });
    expect(denied).toMatchObject({ state: "bad", detail: expect.stringContaining("may not use it") as string });
  });
});

describe("whether somebody deploys", () => {
  it("is seen from the first check to the last: who, since when, and doing what", () => {
    expect(lookAtLock("prod", folders)).toEqual({ state: "good", detail: "nobody else deploys" });
    const log = new DeploymentsLog("prod", folders);
    const by = { id: crypto.randomUUID(), command: "slipway deploy", by: "other@there", version: "1.0.0" };
    // One that was killed at another step; its record has no end.
    log.add({ ...by, number: 1, startedAt: "2026-11-29T12:00:00.000Z", step: "Smoke check" });
    const asked = new DeployLock("prod", folders).ask("make up STACK=prod");
    if (asked.kind !== "taken") throw new Error("nobody else has it");
    const who = `process ${process.pid}, since 20`;
    const first = lookAtLock("prod", folders);
    expect(first).toMatchObject({ state: "bad", mend: expect.stringMatching(/^Wait until it is done/) as string });
    expect(first.detail).toContain(who);
    expect(first.detail).toMatch(new RegExp(`^make up STACK=prod by \\S+@${hostname()}, `));
    expect(first.detail).not.toContain("at the step");
    log.add({ ...by, number: 2, startedAt: new Date(Date.now() + 1).toISOString(), step: "Truth" });
    expect(lookAtLock("prod", folders).detail).toMatch(/, at the step "Truth"$/);
    expect(lookAtLock("dev", folders).state).toBe("good");
    asked.release();
    expect(lookAtLock("prod", folders).state).toBe("good");
  });

  it("is not told by a process that was killed", async () => {
    const other = spawn("sleep", ["60"]);
    await once(other, "spawn");
    const lock = new DeployLock("prod", folders);
    const asked = lock.ask("make up");
    if (asked.kind !== "taken") throw new Error("nobody else has it");
    const holder = lock.holder();
    const write = (pid: number | undefined, processStart: string) => {
      writeFileSync(lock.path, JSON.stringify({ ...holder, pid, processStart }));
    };
    write(other.pid, "1");
    expect(lookAtLock("prod", folders).state).toBe("good");
    other.kill("SIGKILL");
    await once(other, "exit");
    write(other.pid, holder?.processStart ?? "");
    expect(lookAtLock("prod", folders).state).toBe("good");
  });

  it("is seen of Pulumi alone too, and a lock that is none is bad", () => {
    const locks = join(folders.state, ".pulumi/locks/organization/slipway/prod");
    mkdirSync(locks, { recursive: true });
    const pulumi = { pid: 7, username: "me", hostname: "elsewhere", timestamp: "2026-11-29T12:00:00Z" };
    writeFileSync(join(locks, "1.json"), JSON.stringify(pulumi));
    expect(lookAtLock("prod", folders)).toMatchObject({
      ...{ state: "bad", mend: expect.stringContaining("pulumi cancel prod") as string },
      detail: "Pulumi of me@elsewhere, process 7, changes the stack since 2026-11-29T12:00:00Z",
    });
    writeFileSync(join(locks, "1.json"), JSON.stringify({ ...pulumi, hostname: hostname(), pid: process.pid }));
    expect(lookAtLock("prod", folders)).toEqual({
      ...{ state: "good", detail: "a deploy was killed; the next one heals that" },
    });
    const { path } = new DeployLock("prod", folders);
    writeFileSync(path, "nonsense");
    expect(lookAtLock("prod", folders)).toMatchObject({ state: "bad", mend: `If nobody deploys: rm ${path}` });
  });
});

describe("the passphrase", () => {
  /** As Pulumi 3.230.0 wrote it for the passphrase `secret1`. */
  const SALT = "v1:24CMPR+sAMM=:v1:dN772d2P9ZM6RRew:mtcP5xQimeOw0JzPu6WyICduGlOWtQ==";
  const stackOf = (name: string, salt?: string) => {
    const folder = join(folders.state, ".pulumi/stacks/slipway");
    mkdirSync(folder, { recursive: true });
    const providers = { secrets_providers: { type: "passphrase", state: { salt } } };
    const latest = salt === undefined ? {} : providers;
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ version: 3, checkpoint: { latest } }));
  };
  const write = (text: string) => {
    writeFileSync(join(folders.config, "passphrase"), text, { mode: 0o600 });
  };
  const look = (environment = {}) => lookAtPassphrase("prod", folders, environment);

  it("may be missing where there is no stack, and nowhere else", () => {
    expect(look()).toMatchObject({ state: "good", detail: expect.stringMatching(/^none yet/) as string });
    stackOf("other");
    expect(look()).toMatchObject({
      ...{ state: "bad", detail: "its file is missing, and a new one opens nothing of other" },
      mend: expect.stringContaining(`Bring back its copy`) as string,
    });
  });

  it("is the one that the stack was made with, as Pulumi itself knows it again", () => {
    stackOf("prod", SALT);
    write("secret1\n");
    expect(look()).toEqual({ state: "good", detail: "there; keep a copy elsewhere" });
    write("secret2\n");
    expect(look()).toMatchObject({
      ...{ state: "bad", detail: "it is not the one that prod was made with, and opens none of its secrets" },
      mend: expect.stringContaining("Bring back its copy") as string,
    });
    // Under a key of KMS there is none.
    stackOf("prod");
    expect(look().state).toBe("good");
  });

  it("is a file with something in it that others do not read", () => {
    write("\n");
    expect(look()).toMatchObject({ state: "bad", detail: "its file is empty" });
    write("secret1");
    const path = join(folders.config, "passphrase");
    chmodSync(path, 0o640);
    expect(look()).toEqual({ state: "bad", detail: "its file has mode 0640, must be 0600", mend: `chmod 600 ${path}` });
  });

  it("is none of this machine's where states lie elsewhere", () => {
    stackOf("prod");
    expect(look({ SLIPWAY_BACKEND_URL: "s3://states" })).toMatchObject({ state: "good" });
  });
});

describe("the file", () => {
  it("that Pulumi does not read is bad, not unknown", async () => {
    const fault = new CommandError("pulumi config", "exit code 1", 1, "error: incorrect passphrase");
    const look = await lookAtFile("prod", () => Promise.reject(fault));
    expect(look).toMatchObject({ state: "bad", detail: "Pulumi does not read it: error: incorrect passphrase" });
    expect(look.mend).toContain("Pulumi.prod.yaml");
  });
});

describe("what runs", () => {
  const answer = (look: object) => () => Promise.resolve({ code: 0, output: JSON.stringify(look) });
  const look = { failing: [], applied: [], waiting: [], oldestDueSeconds: 0 };

  it("is asked for database, Redis and queue as a deploy asks", async () => {
    const asked: (readonly string[])[] = [];
    const within = (command: readonly string[]) => {
      asked.push(command);
      return answer(look)();
    };
    expect(await lookAtRunning("prod", within)).toEqual({
      state: "good",
      detail: "database, Redis and queue are well",
    });
    expect(asked).toEqual([["/usr/local/bin/node", "/app/operate.mjs", "look"]]);
    expect(await lookAtRunning("prod", async () => undefined)).toEqual({ state: "good", detail: "nothing runs yet" });
  });

  it("is bad where one is away, jobs wait, or nobody answers", async () => {
    const failing = [{ dependency: "database", reason: "connect ECONNREFUSED" }];
    expect(await lookAtRunning("prod", answer({ ...look, failing, oldestDueSeconds: 4000 }))).toEqual({
      state: "bad",
      detail: "database: connect ECONNREFUSED; queue: the oldest job waits for 1 h 07 min, at most 30 min 00 s",
      mend: "Does it run, and let the API in (./slipway status --stack prod)? Are workers there (docs/worker.md)?",
    });
    expect(await lookAtRunning("prod", () => Promise.reject(new Error("the cluster is away")))).toMatchObject({
      ...{ state: "bad", detail: "the API could not be asked: the cluster is away" },
    });
  });
});

describe("the way back", () => {
  const now = Date.now();
  const list = (hoursAgo: number, faults: string[] = [], isEscrowed = true) => ({
    backups: [backup(new Date(now - hoursAgo * 3_600_000).toISOString(), faults)],
    key: { id: "0123456789abcdef", isEscrowed },
    archive: {},
  });
  const backup = (endedAt: string, faults: string[]): BackupRecord => ({
    ...{ label: "20261129-023000F", type: "full", startedAt: endedAt, endedAt, faults },
    ...{ databaseBytes: 1, addedBytes: 1, redisBytes: 1, migrationLevel: 3, jobs: 1, keyId: "k" },
    ...{ artifacts: { count: 0, bytes: 0, addedBytes: 0 }, repositories: ["local"] },
  });

  it.each([
    ["fresh and whole", list(1), "good", /the last one is 1 h/, undefined],
    ["old", list(30), "warning", /the last one is 1 d/, "./slipway backup --stack prod"],
    ["of last week", list(200), "bad", /the last one is 8 d/, "./slipway backup --stack prod"],
    ["damaged", list(1, ["checksum"]), "bad", /^20261129-023000F: checksum$/, "./slipway verify --stack prod"],
    ["without its key", list(1, [], false), "warning", /kept nowhere else/, "./slipway keys export"],
  ] as const)("that is %s", (_what, found, state, detail, mend) => {
    const look = judgeWayBack("prod", found);
    expect(look.state).toBe(state);
    expect(look.detail).toMatch(detail);
    if (mend !== undefined) expect(look.mend).toContain(mend);
  });

  it("is not known where no agent answers, and missing where there is no backup", () => {
    expect(judgeWayBack("prod", undefined)).toMatchObject({ state: "unknown", detail: "no agent answers" });
    expect(judgeWayBack("prod", { ...list(1), backups: [] })).toMatchObject({
      ...{ state: "warning", mend: "Make one: ./slipway backup --stack prod" },
    });
  });
});
