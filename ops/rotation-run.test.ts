import { describe, expect, it } from "vitest";
import type { Slot, Slots } from "../configs/credential-slots.ts";
import { Steps } from "../toolchain/steps.ts";
import type { Rotating } from "./rotating.ts";
import { runRotation, type Checks, type Taken } from "./rotation-run.ts";
import { rotationGoal } from "./rotation-steps.ts";

/** A stack that does what its file says, when it is deployed, and a log of it. */
class World implements Rotating {
  file: Slots = { slot: "first", other: "none" };
  is: Slots = { slot: "first", other: "none" };
  /** Which secret stands in a slot. */
  secrets: Partial<Record<Slot, number>> = { first: 1 };
  readonly log: string[] = [];
  #made = 1;
  /** Changes left until it is killed. */
  budget = Number.POSITIVE_INFINITY;

  slots(): Slots {
    return this.file;
  }
  deployed(): Promise<Slots> {
    return Promise.resolve(this.is);
  }
  async set(slots: Slots): Promise<void> {
    this.#spend();
    this.file = slots;
    this.log.push(`${slots.slot} ${slots.other}`);
  }
  async deploy(): Promise<void> {
    this.#spend();
    const left = this.file.slot === "first" ? "second" : "first";
    const { [left]: kept, ...serving } = this.secrets;
    this.secrets = this.file.other === "none" ? serving : { ...serving, [left]: kept ?? ++this.#made };
    this.is = this.file;
    this.log.push("up");
    this.#spend();
  }
  async dropOwn(slot: Slot): Promise<void> {
    this.log.push(`drop ${slot}`);
  }
  #spend(): void {
    if (this.budget-- <= 0) throw new Error("killed");
  }

  readonly checks: Checks = {
    taken: (slot): Promise<Taken> => {
      const isTaken = slot === this.is.slot || this.is.other === "next" || this.is.other === "last";
      return Promise.resolve(isTaken ? "accepted" : "refused");
    },
    users: (slot) => Promise.resolve(slot === this.is.slot ? ["api"] : []),
  };
}

const steps = new Steps({ screen: { write: () => undefined, isTerminal: false, columns: 80 } });

async function rotate(world: World, patienceSeconds = 0) {
  const goal = { ...rotationGoal(world.file, world.is), turnsOff: true };
  return runRotation({ rotating: world, checks: world.checks, goal, steps, patienceSeconds });
}

describe("a run of a rotation", () => {
  it("writes, deploys, looks, a step at a time", async () => {
    const world = new World();
    const { slots, seen } = await rotate(world);
    expect(slots).toEqual({ slot: "second", other: "off" });
    expect(world.log).toEqual(["first next", "up", "second last", "up", "second off", "up"]);
    expect(seen.slice(-4)).toEqual([
      "second is accepted",
      "first is used by nobody",
      "second is accepted",
      "first is refused",
    ]);
  });

  it("drops the secret that was kept, the user's own too, before it makes another", async () => {
    const world = new World();
    await rotate(world);
    world.log.length = 0;
    await rotate(world);
    expect(world.log.slice(0, 4)).toEqual(["second none", "drop first", "up", "second next"]);
    expect(world.secrets).toEqual({ first: 3, second: 2 });
  });

  it("killed before or after any change, is brought to the same end by the next", async () => {
    for (let budget = 0; budget < 9; budget++) {
      const world = new World();
      world.budget = budget;
      await expect(rotate(world), `killed after ${budget}`).rejects.toThrow("killed");
      world.budget = Number.POSITIVE_INFINITY;
      const end = budget < 8 ? { slot: "second", other: "off" } : { slot: "first", other: "off" };
      expect((await rotate(world)).slots, `killed after ${budget}`).toEqual(end);
      expect(world.secrets.second, `killed after ${budget}`).toBe(2);
    }
  });

  it("does not move services to a slot that is not accepted, and says so", async () => {
    const world = new World();
    const checks = { ...world.checks, taken: () => Promise.resolve("mixed" as const) };
    const goal = { slot: "second", isFresh: true, turnsOff: true } as const;
    const run = runRotation({ rotating: world, checks, goal, steps, patienceSeconds: 0 });
    await expect(run).rejects.toThrow("for 0 seconds it was not so that it is accepted: it is mixed");
    expect(world.log).toEqual([]);
  });

  it("says what could not be looked at, and goes on", async () => {
    const world = new World();
    const checks = { ...world.checks, users: "nobody tells" };
    const goal = { slot: "second", isFresh: true, turnsOff: true } as const;
    const { slots, seen } = await runRotation({ rotating: world, checks, goal, steps, patienceSeconds: 0 });
    expect(slots).toEqual({ slot: "second", other: "off" });
    expect(seen).toContain("who uses first was not looked at: nobody tells");
    expect(seen.join()).not.toContain("used by nobody");
  });

  it("tells who looks of each deploy, so that files are brought at once", async () => {
    const world = new World();
    const deployed = async () => {
      world.log.push("told");
    };
    const goal = { slot: "second", isFresh: true, turnsOff: true } as const;
    await runRotation({ rotating: world, checks: { ...world.checks, deployed }, goal, steps, patienceSeconds: 0 });
    expect(world.log.slice(0, 4)).toEqual(["first next", "up", "told", "second last"]);
    expect(world.log.filter((one) => one === "told")).toHaveLength(3);
  });

  it("does not turn a slot off that somebody uses", async () => {
    const world = new World();
    const checks = { ...world.checks, users: () => Promise.resolve(["slipway_app (slipway-worker, 3)"]) };
    const goal = { slot: "second", isFresh: true, turnsOff: true } as const;
    const run = runRotation({ rotating: world, checks, goal, steps, patienceSeconds: 0 });
    await expect(run).rejects.toThrow("it is used by slipway_app (slipway-worker, 3)");
    expect(world.is).toEqual({ slot: "second", other: "last" });
  });
});
