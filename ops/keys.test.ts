import { EventEmitter } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PASSPHRASE_MIN_LENGTH } from "../backup/escrow.ts";
import { askSecret, type SecretInput } from "./ask-secret.ts";
import { checkFree, readKeyFile, writeKeyFile } from "./key-file.ts";
import { PASSPHRASE_LEAST, readPassphrase } from "./key-passphrase.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-keys-"));
  path = join(folder, "key");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const key = { stack: "dev", keyId: "ab", exportedAt: "2026-11-29T02:30:00.000Z", sealed: "slipway-backup-key:1:ab:x" };

describe("an exported key's file", () => {
  it("is whole, for its owner alone, and comes back as it was", () => {
    writeKeyFile(path, key);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readKeyFile(path)).toMatchObject(key);
    expect(readdirSync(folder)).toEqual(["key"]);
  });

  it("is written over nothing, and leaves no draft", () => {
    writeFileSync(path, "precious");
    expect(() => {
      checkFree(path);
    }).toThrow("is there already");
    expect(() => {
      writeKeyFile(path, key);
    }).toThrow("is there already");
    expect(readFileSync(path, "utf8")).toBe("precious");
    expect(readdirSync(folder)).toEqual(["key"]);
  });

  it("needs a folder that is there", () => {
    expect(() => {
      checkFree(join(folder, "none", "key"));
    }).toThrow("mkdir -p");
  });

  it.each([
    ["cut off", (text: string) => text.slice(0, -20)],
    ["empty", () => ""],
    ["something else", () => '{"what":"another thing"}'],
    ["of a newer version", (text: string) => text.replace('"version": 1', '"version": 2')],
  ])("is refused when it is %s, as not good", (_, change) => {
    writeKeyFile(path, key);
    writeFileSync(path, change(readFileSync(path, "utf8")));
    const refused = () => readKeyFile(path);
    expect(refused).toThrow("no whole export of a key");
    expect(refused).toThrow(expect.objectContaining({ exitCode: 3 }));
  });

  it("is refused when it is not there, as wrong usage", () => {
    expect(() => readKeyFile(path)).toThrow(expect.objectContaining({ exitCode: 2 }));
    expect(existsSync(path)).toBe(false);
  });
});

describe("a passphrase", () => {
  const LONG = "correct horse battery";
  const answering = (...answers: string[]) => ({
    ...{ file: undefined, isNew: true, isTerminal: true },
    ask: async () => answers.shift() ?? "",
  });

  it("is asked for twice where it is chosen, once where it is known", async () => {
    expect(await readPassphrase(answering(LONG, LONG))).toBe(LONG);
    await expect(readPassphrase(answering(LONG, `${LONG}x`))).rejects.toThrow("differ");
    expect(await readPassphrase({ ...answering(LONG), isNew: false })).toBe(LONG);
  });

  it("is as long as the agent wants it", async () => {
    expect(PASSPHRASE_LEAST).toBe(PASSPHRASE_MIN_LENGTH);
    const short = "x".repeat(PASSPHRASE_LEAST - 1);
    await expect(readPassphrase(answering(short, short))).rejects.toThrow(`has 15 characters, must have at least 16`);
  });

  it("comes from a file without its last line end, which others may not read", async () => {
    writeFileSync(path, `${LONG}\n`, { mode: 0o600 });
    const source = { ...answering(), file: path, isTerminal: false };
    expect(await readPassphrase(source)).toBe(LONG);
    chmodSync(path, 0o640);
    await expect(readPassphrase(source)).rejects.toThrow("chmod 600");
    await expect(readPassphrase({ ...source, file: `${path}2` })).rejects.toThrow("no such file");
  });

  it("is not waited for where nobody is at a terminal", async () => {
    await expect(readPassphrase({ ...answering(), isTerminal: false })).rejects.toThrow("--passphrase-file");
  });
});

describe("a question whose answer is not shown, on a terminal played by the test", () => {
  class Typist extends EventEmitter {
    readonly isTTY = true;
    isRaw = false;
    setRawMode(mode: boolean): this {
      this.isRaw = mode;
      return this;
    }
    resume(): this {
      return this;
    }
    pause(): this {
      return this;
    }
  }

  function asked(...chunks: string[]) {
    const typist = new Typist();
    let shown = "";
    // A terminal has a hundred other things that nobody asks it for.
    const input = typist as Pick<Typist, keyof SecretInput & keyof Typist> as SecretInput;
    const answer = askSecret("Passphrase: ", { input, write: (text) => (shown += text) });
    expect(typist.isRaw).toBe(true);
    for (const chunk of chunks) typist.emit("data", Buffer.from(chunk));
    return { answer, shown: () => shown, typist };
  }

  it("takes what is typed or pasted, and shows none of it", async () => {
    const { answer, shown, typist } = asked("se", "crx\u007fet 😀x", "\u007f\r", "later");
    expect(await answer).toBe("secret 😀");
    expect(shown()).toBe("Passphrase: \n");
    expect(typist.isRaw).toBe(false);
    expect(typist.listenerCount("data")).toBe(0);
  });

  it.each(["\u0003", "\u0004"])("ends with %j, and the terminal is as it was", async (end) => {
    const { answer, typist } = asked("sec", end);
    await expect(answer).rejects.toMatchObject({ exitCode: 130 });
    expect(typist.isRaw).toBe(false);
  });
});
