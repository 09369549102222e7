import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PermanentFailure } from "../../jobs/kind.ts";
import { durationSeconds, peakDbfs, readWav } from "../../jobs/wav.ts";
import { until } from "../../test/servers/programs.ts";
import { createEspeakNg } from "./espeak-ng.ts";

const idle = new AbortController().signal;
const engine = createEspeakNg();

/** A program in its place, so that it can be seen what it was given. */
function script(body: string): { program: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "slipway-espeak-"));
  const program = join(folder, "espeak-ng");
  writeFileSync(program, `#!/bin/sh\ncd ${folder}\n${body}\n`);
  chmodSync(program, 0o755);
  return { program, folder };
}

describe("espeak-ng", () => {
  it("speaks, louder than a whisper, and faster when asked to", async () => {
    const text = "One two three four five six seven eight nine ten.";
    const [normal, fast] = await Promise.all([engine.speak({ text }, idle), engine.speak({ text, speed: 2 }, idle)]);
    expect(peakDbfs(readWav(normal))).toBeGreaterThan(-30);
    expect(durationSeconds(readWav(normal))).toBeGreaterThan(2);
    expect(durationSeconds(readWav(fast))).toBeLessThan(durationSeconds(readWav(normal)) * 0.7);
  });

  it("speaks longer for longer texts, in other tongues too", async () => {
    const short = readWav(await engine.speak({ text: "Guten Tag.", voice: "de" }, idle));
    const long = readWav(await engine.speak({ text: "Guten Tag. ".repeat(10), voice: "de" }, idle));
    expect(durationSeconds(long)).toBeGreaterThan(durationSeconds(short) * 5);
  });

  it("gets the text by stdin, not on its command line, and nothing of our environment", async () => {
    const { program, folder } = script('echo "$@" > args; env > env; cat > text; printf RIFF');
    process.env["CANARY"] = "canary";
    await createEspeakNg(program).speak({ text: "$(secret) text", voice: "en", speed: 1.5 }, idle);
    expect(readFileSync(join(folder, "args"), "utf8")).toBe("--stdin --stdout -b 1 -s 263 -v en\n");
    expect(readFileSync(join(folder, "text"), "utf8")).toBe("$(secret) text");
    expect(readFileSync(join(folder, "env"), "utf8")).not.toContain("canary");
  });

  it("is killed when the job is stopped", async () => {
    const { program, folder } = script("echo $$ > pid; exec sleep 600");
    const stop = new AbortController();
    const speaking = createEspeakNg(program).speak({ text: "x" }, stop.signal);
    await until(
      "it runs",
      () => existsSync(join(folder, "pid")) && readFileSync(join(folder, "pid"), "utf8").endsWith("\n"),
    );
    stop.abort(new Error("stopped by the test"));
    await expect(speaking).rejects.toThrow("stopped by the test");
    const pid = readFileSync(join(folder, "pid"), "utf8").trim();
    await until("it is gone", () => !existsSync(`/proc/${pid}`));
  });

  it("says what is wrong: no voice, no words, no program, a failure", async () => {
    await expect(engine.speak({ text: "x", voice: "nosuchvoice" }, idle)).rejects.toThrow(PermanentFailure);
    await expect(createEspeakNg(script("exit 0").program).speak({ text: "x" }, idle)).rejects.toThrow(
      "nothing in the text",
    );
    await expect(createEspeakNg("/nowhere/espeak-ng").check(idle)).rejects.toThrow(
      "install the Debian package espeak-ng",
    );
    const failing = createEspeakNg(script("echo no memory >&2; exit 3").program);
    await expect(failing.speak({ text: "x" }, idle)).rejects.toThrow("espeak-ng ended with 3: no memory");
    await engine.check(idle);
  });
});
