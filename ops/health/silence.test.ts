import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DeployLock, type Holder } from "../../toolchain/deployment/deploy-lock.ts";
import type { Finding } from "./finding.ts";
import { silence, silenceText } from "./silence.ts";

const finding = (name: string, state: Finding["state"]): Finding => ({ name, state, detail: "unit" });
const FINDINGS = [
  finding("containers", "bad"),
  finding("logs", "good"),
  finding("disk", "bad"),
  finding("speech", "unknown"),
];
const BEGUN = "2026-11-29T12:00:00.000Z";
const HOLDER: Holder = {
  ...{ id: "1", pid: 1, processStart: "1", username: "me", hostname: "here", timestamp: BEGUN, command: "make up" },
};
const at = (minutes: number) => new Date(Date.parse(BEGUN) + minutes * 60_000);

describe("what is told while somebody deploys", () => {
  it("is all but what a deploy disturbs, and it is said what was not told and why", () => {
    const { findings, silenced } = silence(FINDINGS, HOLDER, at(1));
    expect(findings.map(({ name }) => name)).toEqual(["logs", "disk"]);
    expect(silenced).toEqual(["containers", "speech"]);
    expect(silenceText(silenced, HOLDER)).toBe(
      ` Told to nobody, while make up of me@here runs (since ${BEGUN}): containers, speech.`,
    );
  });

  it("is everything while nobody does, and where it takes longer than any deploy", () => {
    expect(silence(FINDINGS, undefined, at(1))).toEqual({ findings: FINDINGS, silenced: [] });
    expect(silence(FINDINGS, HOLDER, at(119)).silenced).toHaveLength(2);
    expect(silence(FINDINGS, HOLDER, at(121))).toEqual({ findings: FINDINGS, silenced: [] });
    expect(silenceText([], HOLDER)).toBe("");
  });
});

describe("who deploys", () => {
  let state: string;
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), "slipway-silence-"));
  });
  afterEach(() => {
    rmSync(state, { recursive: true });
  });

  it("is whoever holds the lock and is alive; one that was killed silences nothing", () => {
    const alive = new Map([[process.pid, "7"]]);
    const processes = { hostname: "here", startOf: (pid: number) => alive.get(pid) };
    const lock = new DeployLock("unit", { state }, processes);
    expect(lock.holder()).toBeUndefined();
    const asked = lock.ask("make up");
    if (asked.kind !== "taken") throw new Error("nobody else has it");
    expect(lock.holder()).toMatchObject({ command: "make up", pid: process.pid });
    alive.clear();
    expect(lock.holder()).toBeUndefined();
    // It looks alone: the next deploy is who takes it over.
    expect(readFileSync(lock.path, "utf8")).toContain("make up");
    alive.set(process.pid, "7");
    asked.release();
    expect(lock.holder()).toBeUndefined();
  });

  it("says so where there is no lock but something else", () => {
    const lock = new DeployLock("unit", { state });
    writeFileSync(lock.path, "nonsense");
    expect(() => lock.holder()).toThrow(/is no lock of a deploy/);
  });
});
