import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ListResult, VerifyResult } from "../../backup/protocol.ts";
import { segmentName } from "../../backup/wal-segments.ts";
import { runProgram } from "../servers/programs.ts";
import { archived } from "./archived.ts";
import { startWorld, type BackupWorld } from "./world.ts";

let world: BackupWorld;
let whole: string;
let labels: string[];

beforeAll(async () => {
  world = await startWorld();
  await world.escrow();
  const artifact = join(world.folder, "objects", "artifacts", "aa", "one.wav");
  mkdirSync(dirname(artifact), { recursive: true });
  writeFileSync(artifact, "speech ".repeat(1000));
  runProgram(["chmod", "-R", "a+rX", join(world.folder, "objects")]);
  const client = await world.connect();
  await client.query("CREATE TABLE notes AS SELECT generate_series(1, 5000) AS id, md5(random()::text) AS text");
  for (const args of [["backup", "--full"], ["backup"]]) {
    const made = await world.agent(args);
    expect(made.code, made.log.slice(-2000)).toBe(0);
  }
  for (let segment = 0; segment < 3; segment += 1) {
    await client.query("INSERT INTO notes SELECT generate_series(1, 100), 'later'");
    await archived(client);
  }
  await client.end();
  const listed = await world.agent(["list"]);
  labels = (listed.last.result as ListResult).backups.map(({ label }) => label);
  whole = join(world.folder, "whole");
  cpSync(world.repository, whole, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  await expectGood();
});

afterEach(() => {
  // Over what is there: Postgres goes on, and what it archived meanwhile has to stay. Node's cpSync goes over no link that is there.
  runProgram(["cp", "--archive", "--remove-destination", `${whole}/.`, world.repository]);
  giveAway();
});

afterAll(() => world.close());

function giveAway(): void {
  if (process.getuid?.() === 0) runProgram(["chown", "-R", "65534:65534", world.repository]);
}

async function expectGood(): Promise<void> {
  const { code, last } = await world.agent(["verify"]);
  expect({ code, last }).toEqual({
    code: 0,
    last: { event: "result", result: { sets: labels.map((label) => ({ label, faults: [] })), faults: [] } },
  });
}

/** Every fault that verify tells, with the label of its backup before it. */
async function faultsOf(env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const { code, last, log } = await world.agent(["verify"], env);
  expect(code, log.slice(-2000)).toBe(3);
  const { sets, faults } = last.result as VerifyResult;
  return [...faults, ...sets.flatMap(({ label, faults: own }) => own.map((fault) => `${label} ${fault}`))];
}

function filesBelow(folder: string): string[] {
  const names = readdirSync(join(world.repository, folder), { recursive: true, encoding: "utf8" });
  return names.map((name) => join(world.repository, folder, name)).filter((path) => statSync(path).isFile());
}

/** A file with something in it. */
function dataFile(): string {
  const [path] = filesBelow(`pgbackrest/backup/slipway/${labels[0] ?? ""}/pg_data/base`).filter(
    (candidate) => statSync(candidate).size > 4000,
  );
  return path ?? "";
}

/** Segments, the oldest first. */
function segments(): string[] {
  return filesBelow("pgbackrest/archive")
    .filter((path) => path.endsWith(".zst"))
    .sort();
}

function flip(path: string, at = 0.5): void {
  const bytes = readFileSync(path);
  const place = Math.floor(bytes.length * at);
  bytes[place] = (bytes[place] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
}

const sealed = (file: string) => join(world.repository, "sets", (labels[0] ?? "").toLowerCase(), file);
const manifest = (copy: string) =>
  join(world.repository, "pgbackrest/backup/slipway", labels[0] ?? "", `backup.manifest${copy}`);

/** What is done to the repository, and what verify must say. */
const DAMAGE: readonly { readonly name: string; readonly harm: () => void; readonly found: RegExp }[] = [
  {
    name: "a truncated file",
    harm: () => {
      truncateSync(dataFile(), 1000);
    },
    found: /F (damaged|truncated): local: pgbackrest\/backup/,
  },
  {
    name: "a flipped bit in a file",
    harm: () => {
      flip(dataFile());
    },
    found: /F damaged: local: pgbackrest\/backup/,
  },
  {
    name: "a missing file",
    harm: () => {
      rmSync(dataFile());
    },
    found: /F missing: local: pgbackrest\/backup/,
  },
  {
    name: "a missing manifest",
    harm: () => {
      rmSync(manifest(""));
      rmSync(manifest(".copy"));
    },
    found: /F missing: .*backup\.manifest/,
  },
  {
    name: "a damaged manifest beside a whole copy",
    harm: () => {
      flip(manifest(""));
    },
    found: /F (damaged|missing): .*backup\.manifest/,
  },
  {
    name: "missing WAL that a backup needs",
    harm: () => {
      rmSync(segments().find((path) => path.includes(segmentName({ timeline: 1, number: 2 }))) ?? "");
    },
    found: /F missing: local: WAL 0{7}1.*needs it/,
  },
  {
    name: "missing WAL between two moments",
    harm: () => {
      rmSync(segments().at(-2) ?? "");
    },
    found: /^missing: local: WAL 0{7}1/,
  },
  {
    name: "a flipped bit in WAL",
    harm: () => {
      flip(segments().at(-2) ?? "");
    },
    found: /^damaged: local: pgbackrest\/archive/,
  },
  {
    name: "a missing index of backups",
    harm: () => {
      for (const copy of ["", ".copy"]) rmSync(join(world.repository, `pgbackrest/backup/slipway/backup.info${copy}`));
    },
    found: /damaged|missing/,
  },
  {
    name: "a backup that was never finished",
    harm: () => {
      rmSync(sealed("metadata.json"));
    },
    found: /F unfinished: /,
  },
  {
    name: "metadata that somebody changed",
    harm: () => {
      const path = sealed("metadata.json");
      writeFileSync(path, readFileSync(path, "utf8").replace('"migrationLevel":', '"migrationLevel":1'));
    },
    found: /F damaged: .*metadata/,
  },
  {
    name: "a truncated snapshot of Redis",
    harm: () => {
      truncateSync(sealed("redis.rdb.enc"), 60);
    },
    found: /F truncated: .*redis/,
  },
  {
    name: "a flipped bit in an artifact",
    harm: () => {
      flip(filesBelow("artifacts")[0] ?? "");
    },
    found: /F damaged: .*artifacts\//,
  },
  {
    name: "a missing artifact",
    harm: () => {
      rmSync(filesBelow("artifacts")[0] ?? "");
    },
    found: /F missing: .*artifacts\//,
  },
  {
    name: "a key that nobody keeps",
    harm: () => {
      rmSync(join(world.repository, "escrow"), { recursive: true });
    },
    found: /^key-not-escrowed/,
  },
];

describe("damage is found by verify", () => {
  test.for(DAMAGE)("$name", async ({ harm, found }) => {
    harm();
    giveAway();
    expect(await faultsOf()).toContainEqual(expect.stringMatching(found));
  });

  test("another key", async () => {
    const secrets = join(world.folder, "other-secrets");
    cpSync(join(world.folder, "secrets"), secrets, { recursive: true });
    writeFileSync(join(secrets, "backup-key"), "another key that is long enough, and wrong\n");
    runProgram(["chmod", "-R", "a+rX", secrets]);
    const faults = await faultsOf({ SECRETS_DIR: secrets });
    expect(faults).toContainEqual(expect.stringMatching(/^wrong-key: local: pgbackrest/));
    expect(faults.join()).not.toContain("another key that");
  });

  test("the repository of another cluster", async () => {
    const other = join(world.folder, "other", "data");
    mkdirSync(dirname(other), { recursive: true });
    world.initialise(other);
    await world.stopServing();
    await world.serve(other);
    try {
      expect(await faultsOf()).toContainEqual(expect.stringMatching(/^foreign: local: pgbackrest/));
    } finally {
      await world.stopServing();
      await world.serve(world.data);
    }
  });
});

// A drill restores the newest state, so it finds what that needs: the manifest of an older backup is none of it.
describe("damage is found by the drill", () => {
  test.for(DAMAGE.filter(({ name }) => /missing file|WAL between|bit in WAL/.test(name)))("$name", async ({ harm }) => {
    harm();
    giveAway();
    const { code, last } = await world.agent(["drill"]);
    expect({ code, event: last.event }).toEqual({ code: 1, event: "failure" });
    expect(existsSync(join(world.repository, "drill"))).toBe(false);
  });
});

test("what was mended is good again", async () => {
  await expectGood();
});
