import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changesOf } from "./changes.ts";
import { parseEvents } from "./engine-events.ts";
import { previewMarkdown, previewText } from "./preview-markdown.ts";
import { isOnlyRefused, refusedEvents } from "./refusal.ts";

/**
 * Logs of events as the engine wrote them (3.230, with `--event-log`), of a program of two stacks, the second with this checkout's policies. Left out are
 * lines of debug, which name files of the machine, events behind each step, and what policies passed.
 */
const recorded = (name: string) => readFileSync(new URL(`./recorded/${name}.events`, import.meta.url), "utf8");
const GOOD = recorded("preview");
const REFUSED = recorded("refused");

const previewOf = (text: string, isNew = false) => ({
  ...{ stack: "unit", isNew, isSealed: false },
  ...changesOf(parseEvents(text)),
});

describe("the comment of what the engine really said", () => {
  it("has data that would be lost in bold, and secrets by their names alone", () => {
    expect(previewMarkdown([previewOf(GOOD)])).toBe(`<!-- slipway:preview -->
### What \`pulumi up\` would do

| stack | delete | replace | update | create | unchanged |
| --- | ---: | ---: | ---: | ---: | ---: |
| \`unit\` | **2** | **2** | 0 | **1** | 1 |

#### \`unit\`

**Data would be lost: 2 resources.**

- **delete \`artifacts\`** (\`docker:index/volume:Volume\`)
- **replace \`backup-key\`** (\`random:index/randomPassword:RandomPassword\`): \`length\` \`24\` → \`32\` **replaces it**
- delete \`gone\` (\`random:index/randomPet:RandomPet\`)
- replace \`token\` (\`random:index/randomPet:RandomPet\`): \`keepers.mode\` \`"open"\` → \`[secret]\` **replaces it**; \`keepers.release\` \`"old"\` → \`"new"\` **replaces it**
- create \`fresh\` (\`random:index/randomPet:RandomPet\`)
`);
  });

  it("has no secret either where the engine leaves them open", () => {
    let at = 0;
    const open = GOOD.replaceAll('"ciphertext":"[secret]"', () => `"ciphertext":"\\"canary-${++at}\\""`);
    expect(at).toBeGreaterThan(10);
    const preview = previewOf(open);
    const said = previewMarkdown([preview]) + previewText([preview]) + JSON.stringify(preview);
    expect(said).toContain("[secret]");
    expect(said).not.toContain("canary-");
  });

  it("has what refuses it, of which resource and why, before what would change", () => {
    const text = previewMarkdown([previewOf(REFUSED, true)]);
    expect(text.replaceAll(/: `[^`]{100,}`/g, ": why")).toBe(`<!-- slipway:preview -->
### What \`pulumi up\` would do

| stack | delete | replace | update | create | unchanged |
| --- | ---: | ---: | ---: | ---: | ---: |
| \`unit\` **refused** | 0 | 0 | 0 | **2** | 0 |

#### \`unit\`

There is no state of it: it would be made anew.

**Refused: 7 violations of mandatory policies.**

- policy \`tagged\` (mandatory) of \`redis\` (\`docker:index/volume:Volume\`): why
- policy \`probed\` (mandatory) of \`redis\` (\`docker:index/container:Container\`): why
${"- policy \`hardened\` (mandatory) of \`redis\` (\`docker:index/container:Container\`): why\n".repeat(4)}\
- policy \`tagged\` (mandatory) of \`redis\` (\`docker:index/container:Container\`): why
- create \`redis\` (\`docker:index/container:Container\`)
- create \`redis\` (\`docker:index/volume:Volume\`)
`);
    expect(text).toContain("It does not hold that Volume redis says whose it is. Give it tagged()");
  });

  it("is the same for a terminal, a line a violation", () => {
    const lines = previewText([previewOf(REFUSED, true)]).split("\n");
    expect(lines).toContain("  REFUSED: 7 violations of mandatory policies");
    const told = lines.filter((line) => line.startsWith("  policy "));
    expect(told).toHaveLength(7);
    expect(told[0]).toMatch(
      /^ {2}policy tagged \(mandatory\) of redis \(docker:index\/volume:Volume\): What costs .*ts\.$/,
    );
  });
});

describe("a preview that failed was refused alone", () => {
  const after = (...events: readonly object[]) =>
    parseEvents(REFUSED + events.map((one) => `${JSON.stringify(one)}\n`).join(""));
  const error = (message: string, urn?: string) => ({
    diagnosticEvent: { severity: "error", message, ...(urn !== undefined && { urn }) },
  });

  it("where a mandatory policy is all that the engine has to say", () => {
    expect(isOnlyRefused(after())).toBe(true);
    expect(isOnlyRefused(after({ diagnosticEvent: { severity: "warning", message: "old plugin" } }))).toBe(true);
  });

  it("and not where anything else is wrong, nothing is mandatory, or it did not come to its end", () => {
    expect(isOnlyRefused(after(error("Running program failed with an unhandled exception")))).toBe(false);
    // A resource's own, whatever it says.
    expect(isOnlyRefused(after(error("preview failed", "urn:pulumi:unit::slipway::a:b:C::d")))).toBe(false);
    expect(isOnlyRefused(parseEvents(REFUSED.replaceAll('"mandatory"', '"advisory"')))).toBe(false);
    expect(isOnlyRefused(parseEvents(REFUSED).filter(({ summaryEvent }) => summaryEvent === undefined))).toBe(false);
    expect(isOnlyRefused(parseEvents(GOOD))).toBe(false);
  });

  describe("as its file says", () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "slipway-refusal-"));
    });
    afterAll(() => {
      rmSync(folder, { recursive: true });
    });

    it("which may be missing, or cut", () => {
      const path = join(folder, "events");
      expect(refusedEvents(path)).toBeUndefined();
      writeFileSync(path, REFUSED);
      expect(refusedEvents(path)).toHaveLength(REFUSED.trim().split("\n").length);
      writeFileSync(path, REFUSED.slice(0, -20));
      expect(refusedEvents(path)).toBeUndefined();
    });
  });
});
