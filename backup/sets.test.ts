import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openObjects } from "../jobs/objects.ts";
import { startRedis, type TestRedis } from "../test/servers/redis.ts";
import { createTestSets, filesIn, postgresPart, type TestSets } from "../test/servers/set-context.ts";
import { exportKey, verifyKey } from "./escrow.ts";
import { readRedisSnapshot } from "./redis-snapshot.ts";
import { glanceAtSet, verifySets } from "./set-verify.ts";
import { listSets, setKey } from "./sets.ts";
import { describeSet, writeSet } from "./write-set.ts";

const FULL = "20261129-023000F";
const INCR = "20261129-023000F_20261130-023000I";
const PASSPHRASE = "five random words of mine";
let redis: TestRedis;
let sets: TestSets;
beforeAll(async () => {
  // At once: else Redis waits five seconds for a second one that might want the same.
  redis = await startRedis("redis-secret", ["--repl-diskless-sync-delay", "0"]);
});
afterAll(() => redis.close());
beforeEach(async () => {
  sets = createTestSets(redis.port);
  await redis.command("FLUSHALL");
  await redis.command("SET", "canary-in-redis", "x".repeat(500_000));
  await putArtifact("artifacts/1/1", "canary one");
  await putArtifact("artifacts/2/1", "canary two");
});
afterEach(() => {
  sets.remove();
});

async function putArtifact(key: string, content: string): Promise<void> {
  await openObjects(`file://${sets.objects}`).put(key, Buffer.from(content));
}

async function escrow(): Promise<void> {
  const { config, repositories } = sets.context;
  const secret = config.secrets["backup-key"];
  await verifyKey(repositories, secret, exportKey(secret, PASSPHRASE), PASSPHRASE);
}

/** Kinds of everything that is wrong, with the repository that it is in. */
async function wrong(labels: readonly string[], context = sets.context): Promise<string[]> {
  const { sets: found, faults } = await verifySets(context, labels);
  return [...faults, ...found.flatMap((set) => set.faults)].map(({ kind, where }) => `${where.split(":")[0]} ${kind}`);
}

const file = (key: string, folder = sets.local) => join(folder, key);
function flip(path: string, place: number): void {
  const bytes = readFileSync(path);
  const at = place < 0 ? bytes.length + place : place;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(path, bytes);
}
const contents = (folder = sets.local) => filesIn(folder).filter((path) => path.startsWith("artifacts/"));

describe("a set", () => {
  it("is whole in both repositories, and good once its key is escrowed", async () => {
    await writeSet(sets.context, postgresPart(FULL));
    expect(await wrong([FULL])).toEqual([expect.stringMatching(/^escrow.* key-not-escrowed$/)]);
    await escrow();
    expect(await wrong([FULL])).toEqual([]);
    for (const folder of [sets.local, sets.offsite]) {
      expect(filesIn(folder).filter((path) => path.startsWith("sets/"))).toEqual([
        "sets/20261129-023000f/artifacts.enc",
        "sets/20261129-023000f/metadata.json",
        "sets/20261129-023000f/redis.rdb.enc",
      ]);
      for (const path of filesIn(folder)) expect(readFileSync(join(folder, path)).includes("canary")).toBe(false);
    }
  });

  it("says which database, release, keys, jobs and sizes it is of", async () => {
    await writeSet(sets.context, postgresPart(FULL));
    const text = readFileSync(file(setKey(FULL, "metadata")), "utf8");
    expect(JSON.parse(text)).toMatchObject({
      body: {
        migrationLevel: 3,
        jobs: { total: 7, byState: { queued: 2, succeeded: 5 } },
        release: { images: { api: "sha256:1" }, configuration: { level: "info" } },
        keyIds: { backup: sets.context.keys.id },
      },
    });
    expect(await describeSet(sets.context, FULL, [])).toMatchObject({
      ...{ label: FULL, type: "full", jobs: 7, migrationLevel: 3, keyId: sets.context.keys.id },
      ...{ repositories: ["local", "offsite"], artifacts: { count: 2, bytes: 20 } },
    });
  });

  it("notes the release that a file names at that moment, and is none where the file names none", async () => {
    const path = join(sets.local, "..", "release.json");
    const context = { ...sets.context, config: { ...sets.context.config, BACKUP_RELEASE_FILE: path } };
    await expect(writeSet(context, postgresPart(FULL))).rejects.toThrow(/release\.json does not say what runs/);
    for (const api of ["sha256:2", "sha256:3"]) {
      writeFileSync(path, JSON.stringify({ images: { api }, configuration: {} }));
      expect((await writeSet(context, postgresPart(FULL))).release).toEqual({ images: { api }, configuration: {} });
    }
  });

  it("adds only the contents that are new to those that are there", async () => {
    const first = await writeSet(sets.context, postgresPart(FULL));
    await putArtifact("artifacts/3/1", "canary three");
    await putArtifact("artifacts/4/1", "canary one");
    const second = await writeSet(sets.context, postgresPart(INCR));
    expect([first.artifacts.count, second.artifacts.count]).toEqual([2, 4]);
    expect(contents()).toHaveLength(3);
    expect(second.artifacts.addedBytes).toBeLessThan(first.artifacts.addedBytes);
    expect((await listSets(openObjects(`file://${sets.offsite}`))).map(({ label }) => label)).toEqual([FULL, INCR]);
    expect((await glanceAtSet(sets.context, INCR)).metadata?.label).toBe(INCR);
  });

  it("gives back the snapshot of Redis, which a Redis loads", async () => {
    await writeSet(sets.context, postgresPart(FULL));
    const parts: Uint8Array[] = [];
    const [local] = sets.context.repositories;
    if (!local) throw new Error("no repository");
    for await (const part of readRedisSnapshot(local.store, sets.context.keys, FULL)) parts.push(part);
    const folder = join(sets.objects, "..", "redis");
    mkdirSync(folder);
    writeFileSync(join(folder, "dump.rdb"), Buffer.concat(parts));
    const other = await startRedis("redis-secret", ["--dir", folder]);
    try {
      expect(await other.command("STRLEN", "canary-in-redis")).toBe(500_000);
    } finally {
      await other.close();
    }
  });
});

describe("what happens to a set", () => {
  beforeEach(async () => {
    await writeSet(sets.context, postgresPart(FULL));
    await escrow();
  });

  const files = ["metadata", "redis", "artifacts"] as const;
  it.each(files)("is found where its %s is damaged, cut, missing or another's", async (name) => {
    const path = file(setKey(FULL, name));
    const good = readFileSync(path);
    for (const place of [0, 20, Math.floor(good.length / 2), -1]) {
      flip(path, place);
      expect((await wrong([FULL])).join(), String(place)).toMatch(/^local (damaged|foreign|truncated)$/);
      writeFileSync(path, good);
    }
    truncateSync(path, good.length - 1);
    expect(await wrong([FULL])).toEqual(["local truncated"]);
    truncateSync(path, 0);
    expect((await wrong([FULL])).join()).toMatch(/^local (truncated|foreign)$/);
    writeFileSync(path, Buffer.alloc(good.length, "x"));
    expect(await wrong([FULL])).toEqual(["local foreign"]);
    rmSync(path);
    expect(await wrong([FULL])).toEqual([name === "metadata" ? "local unfinished" : "local missing"]);
    writeFileSync(path, good);
    expect(await wrong([FULL])).toEqual([]);
  });

  it("is found where a content is damaged, cut, missing or another's, in either repository", async () => {
    for (const [name, folder] of [
      ["local", sets.local],
      ["offsite", sets.offsite],
    ] as const) {
      const [one = "", other = ""] = contents(folder).map((path) => join(folder, path));
      const good = readFileSync(one);
      flip(one, -1);
      expect(await wrong([FULL])).toEqual([`${name} damaged`]);
      truncateSync(one, 30);
      expect(await wrong([FULL])).toEqual([`${name} truncated`]);
      cpSync(other, one);
      expect(await wrong([FULL])).toEqual([`${name} foreign`]);
      rmSync(one);
      expect(await wrong([FULL])).toEqual([`${name} missing`]);
      writeFileSync(one, good);
    }
  });

  it("is found where another set's files lie in its place, and where it is not there at all", async () => {
    await redis.command("SET", "other", "1");
    await writeSet(sets.context, postgresPart(INCR));
    for (const name of files) {
      const path = file(setKey(FULL, name));
      const good = readFileSync(path);
      cpSync(file(setKey(INCR, name)), path);
      expect((await wrong([FULL])).join(), name).toMatch(/^local (foreign|damaged|truncated)$/);
      writeFileSync(path, good);
    }
    rmSync(file("sets/20261129-023000f"), { recursive: true });
    expect(await wrong([FULL])).toEqual(["local missing"]);
  });

  it("is found where a whole file of the same set and length lies there that is not the one of its metadata", async () => {
    const path = file(setKey(FULL, "artifacts"));
    const before = readFileSync(path);
    await putArtifact("artifacts/1/1", "canary oNe");
    await writeSet(sets.context, postgresPart(FULL));
    expect(readFileSync(path)).toHaveLength(before.length);
    writeFileSync(path, before);
    expect(await wrong([FULL])).toEqual(["local damaged"]);
  });

  it("is found where the key in use is another one, which is not taken for escrowed either", async () => {
    const other = sets.withKey("another-key-of-the-backups-0123456789");
    const found = await wrong([FULL], other);
    expect(found.slice(1)).toEqual(["local wrong-key", "offsite wrong-key"]);
    expect(found[0]).toContain("key-not-escrowed");
    expect((await glanceAtSet(other, FULL)).faults.map(({ kind }) => kind)).toEqual([
      ...["wrong-key", "wrong-key", "key-not-escrowed"],
    ]);
  });

  it("is found where a repository is gone", async () => {
    rmSync(sets.offsite, { recursive: true });
    expect(await wrong([FULL])).toEqual(["offsite unreachable"]);
  });
});

describe("a set that is broken off", () => {
  it("at any step is not whole, and is after it was made again", async () => {
    await escrow();
    let step = 0;
    for (let stopAt = 1; stopAt < 20; stopAt++) {
      step = 0;
      const stop = () => {
        if ((step += 1) === stopAt) throw new Error("killed");
      };
      const made = await writeSet(sets.context, postgresPart(FULL), { onStep: stop }).catch(() => undefined);
      if (made) break;
      expect(await wrong([FULL]), `stopped at step ${stopAt}`).not.toEqual([]);
    }
    expect(step).toBeGreaterThan(3);
    expect(await wrong([FULL])).toEqual([]);
  });

  it("by a Redis that gives nothing leaves no snapshot, and says no password", async () => {
    // Read anew for each snapshot: the file alone counts.
    writeFileSync(join(sets.context.config.secretsDirectory, "redis-password"), "canary-no");
    const failed = writeSet(sets.context, postgresPart(FULL));
    await expect(failed).rejects.toThrow(/Redis at 127\.0\.0\.1:\d+ gave no snapshot: .*WRONGPASS/);
    await expect(failed).rejects.not.toThrow("canary");
    expect(filesIn(sets.local)).toEqual([]);
  });
});
