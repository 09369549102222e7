import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BACKUP_KEY, createTestSets, filesIn, type TestSets } from "../test/servers/set-context.ts";
import { EscrowRefused, escrowFault, exportKey, openKey, verifyKey } from "./escrow.ts";

const PASSPHRASE = "five random words of mine";
const OTHER = "another-key-of-the-backups-0123456789";
let sets: TestSets;
beforeEach(() => {
  sets = createTestSets(1);
});
afterEach(() => {
  sets.remove();
});

const verify = (sealed: string, passphrase = PASSPHRASE, secret = BACKUP_KEY) =>
  verifyKey(sets.context.repositories, secret, sealed, passphrase);
const fault = (context = sets.context) => escrowFault(context.repositories, context.keys);

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof EscrowRefused) return error.message;
    throw error;
  }
  throw new Error("expected a refusal");
}

describe("the sealed key", () => {
  const sealed = exportKey(BACKUP_KEY, PASSPHRASE);

  it("opens under its passphrase alone, also where lines were broken or the keyboard is another", () => {
    expect(sealed).toMatch(/^slipway-backup-key:1:[0-9a-f]{16}:/);
    expect(sealed).not.toContain("canary");
    expect(openKey(`  ${sealed.replace(/(.{20})/g, "$1\n")}\n`, PASSPHRASE)).toBe(BACKUP_KEY);
    const composed = exportKey(BACKUP_KEY, "fünf Wörter für Schlüssel");
    expect(openKey(composed, "fünf Wörter für Schlüssel".normalize("NFD"))).toBe(BACKUP_KEY);
  });

  it("does not open under another passphrase, with another letter anywhere, or in part", async () => {
    expect(await refusal(() => openKey(sealed, "five random words of hers"))).toContain("does not open");
    const places = [0, 19, 25, 40, 60, 90, sealed.length - 1];
    for (const place of places) {
      const letter = sealed[place] === "b" ? "c" : "b";
      const broken = `${sealed.slice(0, place)}${letter}${sealed.slice(place + 1)}`;
      const said = await refusal(() => openKey(broken, PASSPHRASE));
      expect(said, String(place)).not.toContain("canary");
      expect(said).not.toContain(PASSPHRASE);
    }
    for (const length of [0, 10, 40, sealed.length - 1])
      expect(await refusal(() => openKey(sealed.slice(0, length), PASSPHRASE))).not.toContain("canary");
    expect(await refusal(() => openKey(sealed.replace(":1:", ":2:"), PASSPHRASE))).toContain("version 2, allowed: 1");
  });

  it.each([
    ["short", "canary short", "12 characters"],
    ["of few characters", "abcabcabcabcdabcabcabc", "4 different"],
    ["the same twice", "canary1234canary1234", "repeats itself"],
    ["the key itself", `my ${BACKUP_KEY}`, "holds the key"],
    ["endless", "canary of many words ".repeat(60), "1260 characters"],
  ])("is not made under a passphrase that is %s", async (_, passphrase, why) => {
    const said = await refusal(() => exportKey(BACKUP_KEY, passphrase));
    expect(said).toContain(why);
    expect(said).toContain("allowed: 16 to 1000 characters, 8 different ones");
    expect(said).not.toContain("canary");
  });
});

describe("the escrow of the key in use", () => {
  it("is noted in every repository once somebody opened the sealed key", async () => {
    expect(await fault()).toMatchObject({ kind: "key-not-escrowed" });
    const sealed = exportKey(BACKUP_KEY, PASSPHRASE);
    expect(await fault()).toMatchObject({ kind: "key-not-escrowed" });
    expect(await verify(sealed)).toBe(sets.context.keys.id);
    for (const folder of [sets.local, sets.offsite])
      expect(filesIn(folder)).toEqual([`escrow/${sets.context.keys.id}.json`]);
    expect(await fault()).toBeUndefined();
  });

  it("is not noted for another key, a wrong passphrase or a damaged text", async () => {
    expect(await refusal(() => verify(exportKey(OTHER, PASSPHRASE)))).toContain("not the key in use");
    expect(await refusal(() => verify(exportKey(BACKUP_KEY, PASSPHRASE), "five other words of mine"))).toContain(
      "does not open",
    );
    expect(await refusal(() => verify("not a key"))).toContain("not whole");
    expect(filesIn(sets.local)).toEqual([]);
  });

  it("does not hold for another key, nor where its record was made up or changed", async () => {
    await verify(exportKey(BACKUP_KEY, PASSPHRASE));
    const other = sets.withKey(OTHER);
    expect(await fault(other)).toMatchObject({ kind: "key-not-escrowed" });
    const record = `escrow/${sets.context.keys.id}.json`;
    const text = readFileSync(join(sets.local, record), "utf8");
    for (const folder of [sets.local, sets.offsite]) {
      // Another's record under this name, and this one's with another time.
      writeFileSync(join(folder, `escrow/${other.keys.id}.json`), text);
      writeFileSync(join(folder, record), text.replace(/"verifiedAt":"2/, '"verifiedAt":"3'));
    }
    expect(await fault(other)).toMatchObject({ kind: "key-not-escrowed" });
    expect((await fault())?.reason).toContain("its record is not good");
    writeFileSync(join(sets.offsite, record), text);
    expect(await fault()).toBeUndefined();
  });
});
