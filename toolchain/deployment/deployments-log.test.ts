import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../command.ts";
import { Steps } from "../steps.ts";
import { attempt, BUSY } from "./attempt.ts";
import { DeployLock } from "./deploy-lock.ts";
import { DeploymentsLog, releaseOf, type DeploymentRecord } from "./deployments-log.ts";

let state: string;
let log: DeploymentsLog;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "slipway-log-"));
  log = new DeploymentsLog("dev", { state });
});
afterEach(() => {
  rmSync(state, { recursive: true });
});

const ID = "0195f1d2-0000-7000-8000-000000000001";
// Before any clock that this runs by.
const begun = { id: ID, command: "make up", by: "me@here", version: "0.1.0", startedAt: "2025-11-29T02:00:00Z" };

describe("the log", () => {
  it("adds what became known to what was known, in a file for its owner alone", () => {
    log.add({ number: 1, ...begun });
    log.add({ number: 1, step: "Deploy" });
    log.add({ number: 2, ...begun });
    log.add({ number: 1, outcome: "succeeded", images: { api: "a", worker: "w" } });
    expect(log.read()).toEqual([
      { number: 1, ...begun, step: "Deploy", outcome: "succeeded", images: { api: "a", worker: "w" } },
      { number: 2, ...begun },
    ]);
    expect(statSync(log.path).mode & 0o777).toBe(0o600);
  });

  it("goes on behind a line that was cut off, and behind what it does not know", () => {
    log.add({ number: 1, ...begun });
    appendFileSync(log.path, '{"number": "two"}\n{"number":1,"outcome":"succ');
    log.add({ number: 1, outcome: "failed" });
    expect(log.read()).toEqual([{ number: 1, ...begun, outcome: "failed" }]);
    expect(readFileSync(log.path, "utf8").split("\n")).toHaveLength(5);
  });

  it("knows the release of images by the last deployment that succeeded with both", () => {
    const images = { api: "a", worker: "w" };
    const ended = (number: number, outcome: "succeeded" | "failed", more = {}) => ({
      number,
      ...begun,
      outcome,
      images,
      ...more,
    });
    const records = [
      ended(1, "succeeded"),
      ended(2, "succeeded"),
      ended(3, "failed"),
      ended(4, "succeeded", { images: { ...images, worker: "x" } }),
    ];
    expect(releaseOf(records, images)?.number).toBe(2);
    expect(releaseOf(records, { api: "b", worker: "w" })).toBeUndefined();
  });
});

describe("an attempt", () => {
  const said: string[] = [];
  const run = <T>(
    work: Parameters<typeof attempt<T>>[1],
    whenHeld: "wait" | "refuse" = "refuse",
    records: readonly DeploymentRecord[] = [],
  ) => {
    const steps = new Steps({ screen: { write: (text) => said.push(text), isTerminal: false, columns: 80 } });
    const folders = { state, root: "", cache: "", config: "" };
    const history = () => Promise.resolve({ records });
    return attempt({ stack: "dev", folders, steps, command: "make up", version: "0.1.0", whenHeld, history }, work);
  };

  it("is on record with its steps and its end, and gives the stack back", async () => {
    await run(async ({ step, note }) => {
      await step("Truth", () => Promise.resolve());
      note({ version: "0.2.0" });
    });
    const [one] = log.read();
    expect(one).toMatchObject({ number: 1, version: "0.2.0", step: "Truth", outcome: "succeeded" });
    await expect(run(() => Promise.reject(new UserError("no\nand why")))).rejects.toThrow("no\nand why");
    expect(log.read()[1]).toMatchObject({ number: 2, outcome: "failed", reason: "no\nand why" });
  });

  it("goes on behind what other machines deployed, which the log knows from then on", async () => {
    const theirs = { ...begun, number: 4, by: "they@there", outcome: "succeeded" } as const;
    await run(({ number, log: own }) => Promise.resolve([number, own.read().length]), "refuse", [theirs]).then(
      (seen) => {
        expect(seen).toEqual([5, 2]);
      },
    );
    expect(log.read()).toMatchObject([theirs, { number: 5, outcome: "succeeded" }]);
  });

  it("is refused while another one runs, with who that is and what to do", async () => {
    const error: unknown = await run(() => run(() => Promise.resolve())).catch((fault: unknown) => fault);
    expect(error).toMatchObject({ exitCode: BUSY });
    expect(String(error)).toMatch(
      /dev is being deployed: make up by .+@.+, process \d+, since .*\^C.*rm .*deploy\.lock/,
    );
    expect(log.read()).toHaveLength(1);
  });

  it("waits for another one where that is wanted", async () => {
    const gate = Promise.withResolvers<undefined>();
    const first = run(() => gate.promise);
    const second = run(() => Promise.resolve("second"), "wait");
    gate.resolve(undefined);
    await first;
    expect(await second).toBe("second");
  });

  it("says of one whose process is gone where it was, and goes on", async () => {
    log.add({ number: 7, ...begun });
    log.add({ number: 7, step: "Deploy" });
    await run(() => Promise.resolve());
    expect(log.read()).toMatchObject([
      { outcome: "interrupted", reason: 'its process was gone at the step "Deploy"; deployment 8 goes on from there' },
      { number: 8, outcome: "succeeded" },
    ]);
    expect(said.join("")).toContain('Deployment 7 (make up) was broken off at "Deploy"');
  });
});

describe("the lock", () => {
  const processes = (starts: Record<number, string>, hostname = "here") => ({
    hostname,
    startOf: (pid: number) => starts[pid],
  });
  const lock = (starts: Record<number, string>, hostname?: string) =>
    new DeployLock("dev", { state }, processes({ ...starts }, hostname));

  it("is taken over where its process is gone, or its number is another one's by now", () => {
    lock({ [process.pid]: "100" }).ask("a");
    expect(lock({ [process.pid]: "100" }).ask("b").kind).toBe("held");
    expect(lock({ [process.pid]: "200" }).ask("c").kind).toBe("taken");
    expect(lock({}).ask("d").kind).toBe("taken");
  });

  it("of another machine is never taken over", () => {
    lock({ [process.pid]: "100" }, "there").ask("a");
    expect(lock({}).ask("b")).toMatchObject({ kind: "held", by: { hostname: "there", command: "a" } });
  });

  it("is given back by who holds it alone", () => {
    const first = lock({}).ask("a");
    const second = lock({ [process.pid]: "1" }).ask("b");
    if (first.kind !== "taken" || second.kind !== "taken") throw new Error("both must have been taken");
    first.release();
    expect(lock({ [process.pid]: "1" }).ask("c").kind).toBe("held");
    second.release();
    expect(lock({ [process.pid]: "1" }).ask("d").kind).toBe("taken");
  });
});
