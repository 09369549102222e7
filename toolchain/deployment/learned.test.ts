import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DeployLock } from "./deploy-lock.ts";
import { DeploymentsLog, lastNumber, releases, type DeploymentRecord } from "./deployments-log.ts";
import { lateNeeds, learn, learned, missing } from "./learned.ts";

/** A deployment that began so many minutes after the hour, on a machine. */
const record = (machine: string, number: number, minute: number, more: Partial<DeploymentRecord> = {}) => ({
  id: `0195f1d2-0000-4000-8000-${(machine + String(minute).padStart(2, "0")).padStart(12, "0")}`,
  ...{ number, command: "make up", by: `me@${machine}`, version: `0.${minute}.0` },
  startedAt: `2025-11-29T02:${String(minute).padStart(2, "0")}:00.000Z`,
  outcome: "succeeded" as const,
  images: { api: `api-${minute}`, worker: `worker-${minute}` },
  ...more,
});
const numbers = (records: readonly DeploymentRecord[]) => records.map(({ number, by }) => `${number} ${by}`);

describe("what a log has not", () => {
  it("is what others deployed, under the numbers that they gave", () => {
    const table = [record("a", 1, 1), record("b", 2, 2), record("a", 3, 3)];
    expect(missing([record("a", 1, 1), record("a", 3, 3)], table)).toEqual([record("b", 2, 2)]);
    expect(missing([], table)).toEqual(table);
    expect(missing(table, table)).toEqual([]);
  });

  it("gets a number behind all where its own is another's here", () => {
    const known = [record("a", 1, 1), record("a", 2, 2)];
    const told = [...known, record("b", 2, 3), record("b", 3, 4)];
    expect(numbers(missing(known, told))).toEqual(["3 me@b", "4 me@b"]);
    expect(missing(known, told).map(({ id }) => id)).toEqual([record("b", 3, 4).id, record("b", 2, 3).id]);
  });

  it("gets one of its own on a third machine too, where two others gave the same", () => {
    expect(numbers(missing([], [record("b", 2, 3), record("a", 2, 2)]))).toEqual(["2 me@a", "3 me@b"]);
  });

  it("leaves machines that deployed at once with the same next number", () => {
    const [common, a, b] = [record("a", 1, 1), record("a", 2, 2), record("b", 2, 3)];
    const table = [common, a, b];
    const [atA, atB] = [
      [common, a],
      [common, b],
    ];
    const next = [atA, atB].map((known) => lastNumber([...known, ...missing(known, table)]) + 1);
    expect(next).toEqual([4, 4]);
  });

  it("is none that is under way elsewhere: nobody here may say that it was broken off", () => {
    expect(missing([], [record("b", 1, 1, { outcome: undefined })])).toEqual([]);
  });
});

describe("a log that learns", () => {
  let state: string;
  let log: DeploymentsLog;
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), "slipway-learned-"));
    log = new DeploymentsLog("dev", { state });
  });
  afterEach(() => {
    rmSync(state, { recursive: true });
  });

  it("has all of them in the order in which they began, each once", () => {
    log.add(record("a", 1, 1));
    log.add(record("a", 2, 5));
    const told = [record("b", 2, 3), record("a", 1, 1)];
    learn(log, told);
    learn(log, told);
    expect(numbers(log.read())).toEqual(["1 me@a", "3 me@b", "2 me@a"]);
    expect(releases(log.read()).map(({ version }) => version)).toEqual(["0.5.0", "0.3.0", "0.1.0"]);
  });

  it("is told later which migration a release needs, once, and by whoever looks too", () => {
    const [heard, whole] = [record("a", 1, 1), record("a", 1, 1, { schemaNeeds: 5 })];
    log.add(heard);
    const lock = new DeployLock("dev", { state });
    const asked = lock.ask("make up");
    if (asked.kind !== "taken") throw new Error("nobody else has it");
    expect(learned("dev", { state }, [whole])).toEqual([whole]);
    expect(log.read()).toEqual([heard]);
    asked.release();
    expect(learned("dev", { state }, [whole])).toEqual([whole]);
    expect(log.read()).toEqual([whole]);
    // What a log says itself is not taken back by a table that says otherwise, or nothing.
    expect(lateNeeds([whole], [heard, record("a", 1, 1, { schemaNeeds: 4 })])).toEqual([]);
  });

  it("is written by whoever looks, unless somebody deploys: then it is told all the same", () => {
    const told = [record("b", 1, 1)];
    const lock = new DeployLock("dev", { state });
    const asked = lock.ask("make up");
    if (asked.kind !== "taken") throw new Error("nobody else has it");
    expect(learned("dev", { state }, told)).toEqual(told);
    expect(log.read()).toEqual([]);
    asked.release();
    expect(learned("dev", { state }, told)).toEqual(told);
    expect(log.read()).toEqual(told);
    expect(lock.holder()).toBeUndefined();
  });
});
