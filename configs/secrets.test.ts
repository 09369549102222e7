import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decrypt, encrypt, openSecret, readSecret, SecretError } from "./secrets.ts";

const KEY = "k".repeat(32);

function message(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SecretError) return error.message;
    throw error;
  }
  throw new Error("expected a SecretError");
}

describe("ENC(...)", () => {
  it("opens what it closed, whatever the text and the key", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ minLength: 32 }), (plain, key) => {
        expect(decrypt(encrypt(plain, key), key)).toBe(plain);
      }),
      { numRuns: 50 },
    );
  });

  it("never gives the same text twice", () => {
    expect(encrypt("a", KEY)).not.toBe(encrypt("a", KEY));
  });

  it("refuses another key and any changed byte without printing the value", () => {
    const closed = encrypt("canary-value", KEY);
    const bytes = Buffer.from(closed.slice(4, -1), "base64url");
    const damaged = Array.from(bytes, (byte, at) => {
      const changed = Buffer.from(bytes);
      changed[at] = byte ^ 1;
      return `ENC(${changed.toString("base64url")})`;
    });
    const wrongKey = message(() => decrypt(closed, "other".repeat(8)));
    for (const text of [wrongKey, ...damaged.map((value) => message(() => decrypt(value, KEY)))]) {
      expect(text).toContain("does not open");
      expect(text).toContain("encrypt the value again");
      expect(text).not.toContain("canary");
      expect(text).not.toContain(closed.slice(4, 20));
    }
  });

  it("refuses a changed last letter, even where its bits stand for nothing", () => {
    // 40 bytes are 53 letters and a third: four bits of the last letter are not part of any byte.
    const closed = encrypt("canary-value", KEY);
    const last = closed.at(-2) === "B" ? "C" : "B";
    expect(message(() => decrypt(closed.replace(/.\)$/, `${last})`), KEY))).toMatch(/damaged|does not open/);
  });

  it("refuses text of the wrong form and a key that is too short", () => {
    expect(message(() => decrypt("ENC(abc", KEY))).toContain("must be ENC(");
    expect(message(() => decrypt("ENC(abc)", KEY))).toContain("damaged");
    expect(message(() => encrypt("x", "short"))).toContain("has 5 characters, must have at least 32");
  });
});

describe("readSecret", () => {
  const directory = mkdtempSync(join(tmpdir(), "slipway-secrets-"));

  it("trims one trailing newline only", () => {
    writeFileSync(join(directory, "one"), " pass word \n\n");
    expect(readSecret(directory, "one")).toBe(" pass word \n");
  });

  it("names the file that is missing or empty", () => {
    writeFileSync(join(directory, "empty"), "\n");
    expect(message(() => readSecret(directory, "empty"))).toBe(
      `the file ${join(directory, "empty")} is empty; write the secret into it`,
    );
    expect(message(() => readSecret(directory, "none"))).toContain("cannot be read (ENOENT)");
  });
});

describe("openSecret", () => {
  const directory = mkdtempSync(join(tmpdir(), "slipway-aes-"));
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
  };
  const OTHER = "o".repeat(32);

  it("opens with the secret that serves, and with the one beside it while values are moved", () => {
    write("aes-secret", KEY);
    write("new", encrypt("new value", KEY));
    write("old", encrypt("old value", OTHER));
    expect(openSecret(directory, "new")).toBe("new value");
    expect(message(() => openSecret(directory, "old"))).toContain("does not open");
    write("aes-secret-other", OTHER);
    expect([openSecret(directory, "new"), openSecret(directory, "old")]).toEqual(["new value", "old value"]);
    write("strange", encrypt("canary", "s".repeat(32)));
    expect(message(() => openSecret(directory, "strange"))).toContain("does not open");
  });
});
