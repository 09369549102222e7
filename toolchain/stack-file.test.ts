import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BACKEND } from "./env.ts";
import { ROOT, type Folders } from "./folders.ts";
import { dropSalt, hideSalts, saltOf, stackFile, withoutSalt } from "./stack-file.ts";

const FILE = "# The stack of one machine.\nconfig:\n  slipway:platform: docker\n";
const SALT = "encryptionsalt: v1:AAAAAAAAAAA=:v1:BBBBBBBBBBBBBBBB:CCCC==\n";

let folder: string;
let folders: Folders;
let path: string;

/** A real checkout, as a user has it. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-stack-file-"));
  folders = { root: join(folder, "it's here"), state: join(folder, "state"), cache: "", config: "" };
  mkdirSync(folders.root);
  path = stackFile("dev", folders);
  git("init", "--quiet");
  copyFileSync(join(ROOT, ".gitattributes"), join(folders.root, ".gitattributes"));
  save(FILE);
  git("add", ".");
  git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=start");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function git(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync("git", args, { cwd: folders.root, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

let clock = Date.now() / 1000 - 3600;
/** Writes the file at a time of its own: git looks at times. */
function save(text: string): void {
  writeFileSync(path, text);
  clock += 10;
  utimesSync(path, clock, clock);
}

test("git does not see the salt, once it is hidden", async () => {
  save(FILE + SALT);
  await hideSalts(folders);
  expect(git("status", "--porcelain")).toBe("");
  save(FILE + SALT);
  expect(git("status", "--porcelain")).toBe("");
});

test("git sees every other change, and it is not staged", async () => {
  save(`${FILE}  slipway:edge: { port: 1 }\n${SALT}`);
  await hideSalts(folders);
  expect(git("status", "--porcelain")).toBe(" M Pulumi.dev.yaml\n");
  const diff = git("diff");
  expect(diff).toContain("+  slipway:edge: { port: 1 }");
  expect(diff).not.toContain("encryptionsalt");
});

test("a checkout brings the salt back, so that nothing has to write it again", async () => {
  save(FILE + SALT);
  await hideSalts(folders);
  save(`${FILE}  slipway:edge: { port: 1 }\n${SALT}`);
  git("checkout", "--quiet", "Pulumi.dev.yaml");
  expect(readFileSync(path, "utf8")).toBe(FILE + SALT);
  expect(git("status", "--porcelain")).toBe("");
});

/** The stack is up on this machine. */
function isUp(): void {
  const state = join(folders.state, ".pulumi/stacks/slipway");
  mkdirSync(state, { recursive: true });
  const salt = SALT.trim().replace("encryptionsalt: ", "");
  const latest = { secrets_providers: { type: "passphrase", state: { salt } } };
  writeFileSync(join(state, "dev.json"), JSON.stringify({ version: 3, checkpoint: { latest } }));
}
const OTHER_SALT = SALT.replace("AAAA", "DDDD");
const SECRET = "  slipway:databasePassword:\n    secure: v1:abc\n";

test("a second checkout of the machine gets the salt of the stack that is up", async () => {
  isUp();
  await hideSalts(folders);
  expect(readFileSync(path, "utf8")).toBe(FILE + SALT);
  expect(git("status", "--porcelain")).toBe("");
});

test("a stack in a backend that machines share gets no salt of this machine's, and loses it again", async () => {
  isUp();
  vi.stubEnv(BACKEND, "s3://states");
  await hideSalts(folders);
  expect(readFileSync(path, "utf8")).toBe(FILE);
  save(FILE + SALT);
  await hideSalts(folders);
  expect(readFileSync(path, "utf8")).toBe(FILE);
  save(FILE + OTHER_SALT);
  await hideSalts(folders);
  expect(readFileSync(path, "utf8")).toBe(FILE + OTHER_SALT);
  expect(git("status", "--porcelain")).toBe("");
});

test("the salt of a stack elsewhere gives way to that of this machine's stack", async () => {
  isUp();
  save(FILE + OTHER_SALT);
  await hideSalts(folders);
  expect(readFileSync(path, "utf8")).toBe(FILE + SALT);
  expect(git("status", "--porcelain")).toBe("");
});

test.each(["", "s3://states"])(
  "no salt goes that the file's own secrets need, with the backend %j",
  async (backend) => {
    isUp();
    vi.stubEnv(BACKEND, backend);
    const salt = backend === "" ? OTHER_SALT : SALT;
    save(FILE + SECRET + salt);
    await hideSalts(folders);
    expect(readFileSync(path, "utf8")).toBe(FILE + SECRET + salt);
  },
);

test("each shared file gets its own salt back", async () => {
  const other = stackFile("cluster", folders);
  writeFileSync(other, FILE);
  git("add", ".");
  git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=more");
  const own = SALT.replace("AAAA", "DDDD");
  writeFileSync(other, FILE + own);
  save(FILE + SALT);
  await hideSalts(folders);
  for (const name of ["Pulumi.dev.yaml", "Pulumi.cluster.yaml"]) {
    rmSync(join(folders.root, name));
    git("checkout", "--quiet", name);
  }
  expect([readFileSync(path, "utf8"), readFileSync(other, "utf8")]).toEqual([FILE + SALT, FILE + own]);
  expect(git("status", "--porcelain")).toBe("");
});

test("a salt without a stack goes, and git stays quiet", async () => {
  save(FILE + SALT);
  await hideSalts(folders);
  await dropSalt("dev", folders);
  expect(readFileSync(path, "utf8")).toBe(FILE);
  expect(git("status", "--porcelain")).toBe("");
  git("checkout", "--quiet", ".");
  expect(readFileSync(path, "utf8")).toBe(FILE);
});

test("a salt that secrets of the file were encrypted with stays", async () => {
  const text = FILE + SECRET + SALT;
  save(text);
  await dropSalt("dev", folders);
  expect(readFileSync(path, "utf8")).toBe(text);
});

test("outside git nothing is needed", async () => {
  rmSync(join(folders.root, ".git"), { recursive: true });
  save(FILE + SALT);
  await hideSalts(folders);
  expect(readFileSync(path, "utf8")).toBe(FILE + SALT);
});

test("only the salt's own line is taken", () => {
  const text = `config:\n  slipway:note: "encryptionsalt: no"\n${SALT}`;
  expect(saltOf(text)).toBe(SALT);
  expect(withoutSalt(text)).toBe('config:\n  slipway:note: "encryptionsalt: no"\n');
});
