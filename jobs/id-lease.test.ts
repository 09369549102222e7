import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { QueryConfig, QueryResultRow } from "pg";
import { startProgram, until, type RunningProgram } from "../test/servers/programs.ts";
import { createTestLog, startStack, type TestStack } from "../test/servers/stack.ts";
import type { Queryable } from "./database.ts";
import { IdKeeper, leaseIds } from "./id-lease.ts";
import { ID_EPOCH_MS, IdRefused, MAX_AHEAD_MS } from "./ids.ts";

const { log } = createTestLog();
let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());
beforeEach(() => leaveNumbers(1024));

/** Only so many numbers are there, and all are free. */
async function leaveNumbers(count: number): Promise<void> {
  await stack.asSuperuser(
    `DELETE FROM id_leases; INSERT INTO id_leases (number) SELECT generate_series(0, ${count - 1})`,
  );
}

function numberOf(id: string): number {
  return Number((BigInt(id) >> 12n) & 0x3ffn);
}

function momentOf(id: string): number {
  return Number(BigInt(id) >> 22n) + ID_EPOCH_MS;
}

const realNow = performance.now.bind(performance);
afterEach(() => {
  performance.now = realNow;
});

/** The real database under a clock that the test sets, as `now()` stands in each statement. */
function underClock(nowMs: () => number): Queryable {
  return {
    query: <Row extends QueryResultRow>({ text, values }: QueryConfig) =>
      stack.pool.query<Row>(text.replaceAll("now()", `to_timestamp(${nowMs() / 1000}::float8)`), values),
  };
}

describe("a lease on ids", () => {
  it("gives every process a number of its own", async () => {
    const leases = await Promise.all(Array.from({ length: 8 }, () => leaseIds(stack.pool, log)));
    const ids = leases.flatMap((lease) => Array.from({ length: 50 }, () => lease.next()));
    expect(new Set(ids).size).toBe(400);
    expect(new Set(ids.map(numberOf)).size).toBe(8);
    await Promise.all(leases.map((lease) => lease.close()));
  });

  it("passes a number on only when the database's clock is past every id made with it", async () => {
    await leaveNumbers(1);
    const first = await leaseIds(stack.pool, log);
    const before = BigInt(first.next());
    await expect(leaseIds(stack.pool, log)).rejects.toThrow("all 1024 are taken");
    await first.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = await leaseIds(stack.pool, log);
    const after = second.next();
    expect(numberOf(after)).toBe(0);
    expect(BigInt(after) > before).toBe(true);
    await second.close();
  });

  it("makes no ids that could outlive it", async () => {
    const lease = await leaseIds(stack.pool, log);
    // As if the last answer of the database were 59 of its 60 seconds old.
    performance.now = () => realNow() + 59_000;
    expect(() => lease.next()).toThrow(IdRefused);
    performance.now = realNow;
    expect(() => lease.next()).not.toThrow();
    await lease.close();
  });

  it("makes no id of a later moment than it checked, wherever the process is stopped", async () => {
    const keeper = await IdKeeper.open(stack.pool, log);
    const [row] = await stack.asSuperuser("SELECT max(extract(epoch FROM expires_at) * 1000) AS ms FROM id_leases");
    const end = Number(row?.["ms"]);
    // The process is stopped for two minutes after each look at its clock.
    let looks = 0;
    performance.now = () => realNow() + looks++ * 120_000;
    const made = momentOf(keeper.next());
    expect(made).toBeLessThan(end);
    expect(() => keeper.next()).toThrow(IdRefused);
  });

  it("takes another number when its own passed on", async () => {
    await leaveNumbers(1);
    const keeper = await IdKeeper.open(stack.pool, log);
    await stack.asSuperuser("UPDATE id_leases SET holder = gen_random_uuid()");
    await expect(keeper.renew()).rejects.toThrow("all 1024 are taken");
    await stack.asSuperuser("INSERT INTO id_leases (number) VALUES (7)");
    await keeper.renew();
    expect(numberOf(keeper.next())).toBe(7);
  });
});

describe("steps of the database's clock (simulated)", () => {
  it.each([-3_600_000, -86_400_000, 3_600_000])("by %d ms are survived", async (step) => {
    const start = Date.now();
    let passed = 0;
    let offset = 0;
    performance.now = () => passed;
    const keeper = await IdKeeper.open(
      underClock(() => start + passed + offset),
      log,
    );
    let last = BigInt(keeper.next());
    offset = step;
    for (; passed < 300_000; passed += 15_000) {
      await keeper.renew();
      for (const idle of [0, 10_000]) {
        passed += idle;
        const id = BigInt(keeper.next());
        expect(id > last).toBe(true);
        last = id;
      }
    }
  });

  it("are made up for: the ids' clock comes back to the database's", async () => {
    const start = Date.now();
    let passed = 0;
    let offset = 10_000;
    performance.now = () => passed;
    const keeper = await IdKeeper.open(
      underClock(() => start + passed + offset),
      log,
    );
    offset = 0;
    for (; passed < 25 * 15_000; passed += 15_000) {
      keeper.next();
      await keeper.renew();
    }
    expect(Math.abs(momentOf(keeper.next()) - (start + passed))).toBeLessThan(MAX_AHEAD_MS);
  });

  const step = fc.oneof(
    fc.record({ is: fc.constant("make" as const), who: fc.nat(), count: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ is: fc.constant("renew" as const), who: fc.nat() }),
    fc.record({ is: fc.constant("open" as const) }),
    fc.record({ is: fc.constant("close" as const), who: fc.nat() }),
    fc.record({ is: fc.constant("kill" as const), who: fc.nat() }),
    fc.record({ is: fc.constant("time passes" as const), ms: fc.integer({ min: 0, max: 90_000 }) }),
    fc.record({ is: fc.constant("clock steps" as const), ms: fc.integer({ min: -7_200_000, max: 7_200_000 }) }),
  );
  type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

  /** Processes of one machine that share two numbers, its clock and the database's. */
  class World {
    readonly ids: string[] = [];
    #monotonic = 0;
    #offset = Date.UTC(2026, 10, 23);
    readonly #alive: { keeper: IdKeeper; last: bigint; number: number }[] = [];
    readonly #db = underClock(() => this.#monotonic + this.#offset);

    async take(step: Step): Promise<void> {
      performance.now = () => this.#monotonic;
      const index = "who" in step ? step.who % Math.max(this.#alive.length, 1) : 0;
      const one = this.#alive[index];
      if (step.is === "time passes") this.#monotonic += step.ms;
      else if (step.is === "clock steps") this.#offset += step.ms;
      else if (step.is === "open") await this.#open();
      else if (!one) return;
      else if (step.is === "make") for (let made = 0; made < step.count; made += 1) this.#make(one);
      else if (step.is === "renew") await one.keeper.renew().catch(() => undefined);
      else {
        if (step.is === "close") await one.keeper.close();
        this.#alive.splice(index, 1);
      }
    }

    async #open(): Promise<void> {
      const keeper = await IdKeeper.open(this.#db, log).catch(() => undefined);
      if (keeper) this.#alive.push({ keeper, last: 0n, number: -1 });
    }

    #make(one: { keeper: IdKeeper; last: bigint; number: number }): void {
      let id: string;
      try {
        id = one.keeper.next();
      } catch (error) {
        expect(error).toBeInstanceOf(IdRefused);
        return;
      }
      if (one.number === numberOf(id)) expect(BigInt(id) > one.last).toBe(true);
      one.last = BigInt(id);
      one.number = numberOf(id);
      this.ids.push(id);
    }
  }

  it("and pauses, ends and starts of processes never give the same id twice", async () => {
    let made = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        await leaveNumbers(2);
        const world = new World();
        for (const one of [{ is: "open" } as const, ...steps]) await world.take(one);
        expect(new Set(world.ids).size).toBe(world.ids.length);
        made += world.ids.length;
      }),
      { numRuns: 60 },
    );
    expect(made).toBeGreaterThan(500);
  }, 60_000);
});

describe("processes", () => {
  const running: RunningProgram[] = [];
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop("SIGKILL");
  });

  const MAKER = `
    const { leaseIds } = await import(process.env.LEASE);
    const { openDatabase } = await import(process.env.DATABASE);
    const { loadRuntime } = await import(process.env.RUNTIME);
    const log = { warn() {}, error() {}, info() {}, debug() {} };
    const pool = openDatabase(loadRuntime("api", process.env), log);
    const lease = await leaseIds(pool, log, 3000);
    let last = "";
    setInterval(() => {
      let said;
      try { said = lease.next(); } catch (error) { said = error.name; }
      if (said !== "IdRefused" || last !== said) console.log(said);
      last = said;
    }, 2);`;

  function startMaker(): RunningProgram {
    const file = (name: string) => join(import.meta.dirname, name);
    const modules = {
      LEASE: file("id-lease.ts"),
      DATABASE: file("database.ts"),
      RUNTIME: file("../configs/runtime.ts"),
    };
    const program = startProgram([process.execPath, "--input-type=module", "--eval", MAKER], {
      env: { PATH: process.env["PATH"] ?? "", ...stack.env, ...modules },
    });
    running.push(program);
    return program;
  }

  function idsOf(program: RunningProgram): string[] {
    return program.output().match(/^\d+$/gm) ?? [];
  }

  it("that are stopped for longer than their lease make no id under it when they wake up", async () => {
    await leaveNumbers(1);
    const first = startMaker();
    await until("the first makes ids", () => idsOf(first).length > 10);
    process.kill(first.pid, "SIGSTOP");
    const second = startMaker();
    // It cannot start before the lease of the first is over; one that ends for want of a number is started again.
    let heir = second;
    await until("another one has its number", async () => {
      if (/all 1024 are taken/.test(heir.output())) heir = startMaker();
      await new Promise((resolve) => setTimeout(resolve, 200));
      return idsOf(heir).length > 10;
    });
    // However slow the machine is, the heir keeps the number: the first could get it back else.
    await stack.asSuperuser("UPDATE id_leases SET expires_at = now() + interval '1 hour'");
    const before = idsOf(first).length;
    process.kill(first.pid, "SIGCONT");
    await until("the first says that it is refused", () => first.output().includes("IdRefused"));
    await stack.asSuperuser("INSERT INTO id_leases (number) VALUES (7)");
    await until("the first has another number", () => idsOf(first).length > before + 10);
    expect(new Set(idsOf(first).slice(before).map(numberOf))).toEqual(new Set([7]));
    const all = [...idsOf(first), ...idsOf(heir)];
    expect(new Set(all).size).toBe(all.length);
  });
});
