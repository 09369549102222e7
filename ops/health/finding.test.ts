import { describe, expect, it } from "vitest";
import type { ListResult } from "../../backup/protocol.ts";
import { healthSchema, healthSettings } from "../../configs/health-settings.ts";
import { judgeBackups } from "./backups.ts";
import { VERDICT_CODES, verdictOf } from "./checks.ts";
import { atLeast, atMost, findingsText, lookAt, worstOf, type State } from "./finding.ts";

const finding = (state: State) => ({ name: "one", state, detail: "" });

describe("a verdict", () => {
  it.each([
    [["good", "good"], "HEALTHY", 0],
    [["good", "unknown"], "WARNING", 1],
    [["warning", "unknown"], "WARNING", 1],
    [["warning", "bad", "good"], "UNHEALTHY", 2],
  ] as const)("of %j is %s, code %i", (states, verdict, code) => {
    expect(verdictOf(states.map(finding))).toBe(verdict);
    expect(VERDICT_CODES[verdict]).toBe(code);
  });

  it("does not take a look that failed for good", async () => {
    const failed = await lookAt("disk", () => Promise.reject(new Error("df is gone")));
    expect(failed).toMatchObject({ name: "disk", state: "unknown", detail: "could not be looked at: df is gone" });
  });
});

describe("a look", () => {
  it("is as bad as its worst part, and tells of those alone", () => {
    const limits = { warning: 10, bad: 20 };
    const looks = [5, 12, 19].map((found) => atMost(found, limits, `${found}`, "Less."));
    expect(worstOf(looks)).toEqual({ state: "warning", detail: "12; 19", mend: "Less." });
    expect(worstOf([...looks, atMost(20, limits, "20", "Now.")])).toEqual({ state: "bad", detail: "20", mend: "Now." });
  });

  it("at what is left is the worse the less there is", () => {
    const limits = { warning: 20, bad: 10 };
    expect([21, 20, 10].map((found) => atLeast(found, limits, "", "").state)).toEqual(["good", "warning", "bad"]);
  });

  it("shows what to do below what is not good", () => {
    const bad = { name: "disk", state: "bad" as const, detail: "full", mend: "Make room." };
    expect(findingsText([{ name: "cpu", state: "good", detail: "low" }, bad])).toBe(
      "✓ cpu   low\n✗ disk  full\n        → Make room.\n",
    );
  });
});

const NOW = new Date("2026-11-29T12:00:00Z");

describe("backups", () => {
  const list = (hoursAgo: number, faults: string[], isEscrowed: boolean): ListResult => ({
    backups: [
      {
        ...{ label: "20261129-023000F", type: "full", startedAt: "2026-11-29T02:30:00Z", faults },
        endedAt: new Date(NOW.getTime() - hoursAgo * 3_600_000).toISOString(),
        ...{ databaseBytes: 1, addedBytes: 1, redisBytes: 1, migrationLevel: 3, jobs: 1, keyId: "k" },
        ...{ artifacts: { count: 0, bytes: 0, addedBytes: 0 }, repositories: ["local"] },
      },
    ],
    key: { id: "k", isEscrowed },
    archive: {},
  });
  const judged = (...args: Parameters<typeof list>) =>
    judgeBackups(list(...args), { stack: "dev", now: NOW, settings: healthSettings(undefined) });

  it("are good where they are fresh and whole, and their key is kept elsewhere", () => {
    expect(judged(1, [], true).state).toBe("good");
    expect(judged(27, [], true)).toMatchObject({ state: "warning", detail: "the last one is 1 d 3 h old" });
    expect(judged(51, [], true).state).toBe("bad");
    expect(judged(1, ["damaged: redis.rdb"], true).state).toBe("bad");
  });

  it("warn of a key that is kept nowhere else, once", () => {
    const { state, detail } = judged(1, ["key-not-escrowed: the key k has not been exported"], false);
    expect({ state, detail }).toEqual({ state: "warning", detail: "the key k is kept nowhere else" });
  });
});

describe("slipway:health", () => {
  it("has a default for everything, and names nobody", () => {
    expect(healthSettings(undefined)).toMatchObject({ queueSeconds: { warning: 60, bad: 600 }, ignore: [] });
    expect(healthSettings({ memoryPercent: { warning: 50 } }).memoryPercent).toEqual({ warning: 50, bad: 95 });
  });

  it.each([
    [{ queueSeconds: { warning: 9, bad: 1 } }, "must not be above bad"],
    [{ diskFreePercent: { warning: 5, bad: 10 } }, "must not be below bad"],
    [{ ignore: ["everything"] }, "Invalid option"],
    [{ colour: "red" }, "Unrecognized key"],
    [{ mail: { from: "nobody", to: [] } }, "Invalid email"],
  ])("refuses %j", (given, said) => {
    expect(JSON.stringify(healthSchema.safeParse(given).error?.issues)).toContain(said);
  });
});
