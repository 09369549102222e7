import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { passphraseFile } from "./passphrase.ts";

let config: string;
beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), "slipway-config-"));
});
afterEach(() => {
  rmSync(config, { recursive: true });
});
const folders = () => ({ root: "", cache: "", state: "", config });

test("makes 256 random bits that only this user reads, once", () => {
  const path = passphraseFile(folders());
  const text = readFileSync(path, "utf8");
  expect(Buffer.from(text.trim(), "base64url")).toHaveLength(32);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(passphraseFile(folders()), "utf8")).toBe(text);
  expect(readdirSync(config)).toEqual(["passphrase"]);
});

test("refuses a file that others can read, with the way out", () => {
  chmodSync(passphraseFile(folders()), 0o644);
  expect(() => passphraseFile(folders())).toThrow(/mode 0644.*allowed is 0600. Run: chmod 600/);
});

test("refuses an empty file rather than lock the stacks with nothing", () => {
  writeFileSync(join(config, "passphrase"), "\n", { mode: 0o600 });
  expect(() => passphraseFile(folders())).toThrow("is empty");
});
