import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestLog, type TestLog } from "../test/servers/stack.ts";
import { Busy } from "./lock.ts";
import type { BackupRecord, BackupType } from "./protocol.ts";
import { startServing, type AgentWork, type Clock, type Serving } from "./serve.ts";

const TIMETABLE = { dailyAt: "02:30", fullOn: "sunday", drillDays: 7 } as const;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A clock that goes on when it is told to, as far as somebody sleeps. */
class TestClock implements Clock {
  #time: number;
  #wake: (() => void) | undefined;
  #until = 0;

  constructor(start: string) {
    this.#time = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#time);
  }

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    this.#until = this.#time + milliseconds;
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (signal.aborted) resolve();
      else
        signal.addEventListener(
          "abort",
          () => {
            resolve();
          },
          { once: true },
        );
    });
  }

  /** Lets so much time pass, turn by turn of who sleeps. */
  async pass(milliseconds: number, most = 100_000): Promise<void> {
    const end = this.#time + milliseconds;
    for (let turn = 0; turn < most; turn++) {
      // Until the agent sleeps again, however many steps its work has.
      for (let step = 0; step < 100 && !this.#wake; step++) await settled();
      const wake = this.#wake;
      if (!wake || this.#until > end) break;
      this.#time = this.#until;
      this.#wake = undefined;
      wake();
    }
    this.#time = end;
  }
}

/** Whatever can go on has gone on. */
async function settled(): Promise<void> {
  for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
}

let clock: TestClock;
let backups: BackupRecord[];
let done: string[];
let failure: Error | undefined;
let drillAt: Date | undefined;
let atOnce: number;
let testLog: TestLog;
let serving: Serving | undefined;
let changes: Partial<Awaited<ReturnType<AgentWork["look"]>>>;

function record(type: BackupType, at: Date): BackupRecord {
  const time = at.toISOString();
  return {
    ...{ label: `${time.slice(0, 19).replace(/[-:]/g, "").replace("T", "-")}F`, type, startedAt: time, endedAt: time },
    ...{ databaseBytes: 1, addedBytes: 1, artifacts: { count: 0, bytes: 0, addedBytes: 0 }, redisBytes: 1 },
    ...{ migrationLevel: 3, jobs: 0, keyId: "k", repositories: ["local"], faults: [] },
  };
}

const work: AgentWork = {
  prepare: async () => {
    done.push("prepare");
  },
  backup: async (type) => {
    done.push(`${type} ${clock.now().toISOString().slice(5, 16)}`);
    expect((atOnce += 1)).toBe(1);
    await settled();
    atOnce -= 1;
    if (failure) throw failure;
    const made = record(type, clock.now());
    backups.push(made);
    return made;
  },
  drill: async () => {
    done.push(`drill ${clock.now().toISOString().slice(5, 16)}`);
    if (failure) throw failure;
    drillAt = clock.now();
    return {
      ...{ label: "l", target: "latest", migrationLevel: 3, rows: {}, recoverySeconds: 1, totalSeconds: 1 },
      ...{ missingArtifacts: 0, rtoSeconds: 9, rpoSeconds: 8 },
    };
  },
  verify: async () => ({ sets: [], faults: [] }),
  mirror: async () => undefined,
  look: async () => ({
    backups,
    isEscrowed: true,
    archiveBehindSeconds: 5,
    room: { freeBytes: 50, totalBytes: 100 },
    drill: drillAt && { endedAt: drillAt, rtoSeconds: 9, rpoSeconds: 8 },
    ...changes,
  }),
};

function start(at: string, more: Partial<AgentWork> = {}): void {
  clock = new TestClock(at);
  serving = startServing({ work: { ...work, ...more }, timetable: TIMETABLE, clock, log: testLog.log });
}
const warned = () => serving?.warnings().map(({ dependency }) => dependency);
const errors = () => testLog.lines.filter(({ level }) => level === 50).map(({ msg }) => msg);

beforeEach(() => {
  [backups, done, failure, drillAt, atOnce, testLog, changes] = [[], [], undefined, undefined, 0, createTestLog(), {}];
});
afterEach(() => serving?.close());

// 2026-11-29 is a Sunday.
describe("the agent's days", () => {
  it("begin with a full backup, then one each day, a full one each week, and a drill after a week", async () => {
    start("2026-11-25T12:00:00Z");
    await clock.pass(9 * DAY);
    expect(done).toEqual([
      ...["prepare", "full 11-25T12:00", "incr 11-26T02:30", "incr 11-27T02:30", "incr 11-28T02:30"],
      ...["full 11-29T02:30", "incr 11-30T02:30", "incr 12-01T02:30", "incr 12-02T02:30", "drill 12-02T12:00"],
      ...["incr 12-03T02:30", "incr 12-04T02:30"],
    ]);
    expect(warned()).toEqual([]);
    expect(errors()).toEqual([]);
  }, 120_000); // Nine days are 26,000 turns.

  it("that were missed are caught up by one backup, at once", async () => {
    backups = [record("full", new Date("2026-11-22T02:30:00Z"))];
    drillAt = new Date("2026-11-24T00:00:00Z");
    start("2026-11-28T15:00:00Z");
    await clock.pass(MINUTE);
    expect(done).toEqual(["prepare", "incr 11-28T15:00"]);
    await serving?.close();
    // Stopped over the night of the full one.
    start("2026-11-30T09:00:00Z");
    await clock.pass(MINUTE);
    expect(done.slice(2)).toEqual(["prepare", "full 11-30T09:00"]);
  });

  it("make nothing at a start where nothing was missed", async () => {
    backups = [record("full", new Date("2026-11-29T02:30:05Z"))];
    start("2026-11-29T09:00:00Z");
    await clock.pass(10 * MINUTE);
    expect(done).toEqual(["prepare"]);
  });
});

describe("what fails", () => {
  it("is tried again, after 1, 2, 4 minutes and at last each hour, and is said until it goes well", async () => {
    failure = new Error("no space left on device");
    start("2026-11-25T12:00:00Z");
    await clock.pass(8 * MINUTE);
    expect(done).toEqual(["prepare", ...["00", "01", "03", "07"].map((minute) => `full 11-25T12:${minute}`)]);
    expect(warned()).toEqual(["backup late", "full backup late", "full failed"]);
    expect(errors()).toContain("failed: no space left on device");
    await clock.pass(12 * 60 * MINUTE);
    const hours = done.slice(-3).map((line) => Date.parse(`2026-${line.slice(5)}:00Z`));
    expect(hours.map((time, n) => time - (hours[n - 1] ?? time))).toEqual([0, 60 * MINUTE, 60 * MINUTE]);
    failure = undefined;
    await clock.pass(61 * MINUTE);
    expect(warned()).toEqual([]);
    expect(testLog.lines.map(({ msg }) => msg)).toContain("full failed: over");
  });

  it("is no failure where somebody else does it", async () => {
    failure = new Busy("backup: another one is running");
    start("2026-11-25T12:00:00Z");
    await clock.pass(3 * MINUTE);
    expect(done.length).toBeGreaterThan(2);
    expect(warned()).toEqual(["backup late", "full backup late"]);
  });

  it("is said of a drill, and does not keep backups from being made", async () => {
    backups = [record("full", new Date("2026-11-20T02:30:00Z"))];
    start("2026-11-25T12:00:00Z", { drill: () => Promise.reject(new Error("damaged: a page")) });
    drillAt = new Date("2026-11-18T00:00:00Z");
    await clock.pass(2 * DAY);
    expect(warned()).toEqual(["drill late", "drill failed"]);
    expect(done.filter((line) => line.startsWith("incr") || line.startsWith("full"))).toHaveLength(3);
  });

  it("makes it not ready where it cannot even begin, and it goes on trying", async () => {
    let broken = true;
    start("2026-11-25T12:00:00Z", {
      prepare: async () => {
        if (broken) throw new Error("Postgres does not answer");
      },
    });
    await clock.pass(MINUTE);
    expect(serving?.failing()).toEqual([{ dependency: "repository", reason: "Postgres does not answer" }]);
    expect(done).toEqual([]);
    expect(errors()).toEqual(["the repository cannot be made ready: Postgres does not answer"]);
    broken = false;
    await clock.pass(MINUTE);
    expect(serving?.failing()).toEqual([]);
    expect(done[0]).toBe("full 11-25T12:01");
  });

  it("begins within seconds where Postgres only starts later, and calls that no error", async () => {
    let tries = 0;
    start("2026-11-25T12:00:00Z", {
      prepare: async () => {
        if (++tries < 4) throw new Error("Postgres does not answer");
      },
    });
    await clock.pass(8000);
    expect([tries, serving?.failing(), errors()]).toEqual([4, [], []]);
  });

  it("makes no backup while nobody can say what there is", async () => {
    start("2026-11-25T12:00:00Z", { look: () => Promise.reject(new Error("the disk is gone")) });
    await clock.pass(5 * MINUTE);
    expect(done).toEqual(["prepare"]);
    expect(serving?.situation().failed.get("look")).toBe("the disk is gone");
  });
});

it("says what is late, full, damaged, behind or not escrowed, once in the log", async () => {
  backups = [
    { ...record("full", new Date("2026-11-29T02:30:05Z")), faults: ["missing: offsite: x", "key-not-escrowed: y"] },
  ];
  changes = { isEscrowed: false, room: { freeBytes: 9, totalBytes: 100 }, archiveBehindSeconds: 61 };
  start("2026-11-29T09:00:00Z");
  await clock.pass(10 * MINUTE);
  const names = ["backup damaged", "repository full", "archive behind", "key not escrowed"];
  expect(warned()).toEqual(names);
  expect(errors().map((text) => String(text).split(":")[0])).toEqual(names);
  changes = {};
  backups = [record("full", new Date("2026-11-29T02:30:05Z"))];
  await clock.pass(MINUTE);
  expect(warned()).toEqual([]);
});
