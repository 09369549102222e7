import { setTimeout as sleep } from "node:timers/promises";
import { otherSlot, type Slot, type Slots } from "../configs/credential-slots.ts";
import { UserError } from "../toolchain/command.ts";
import type { Steps } from "../toolchain/steps.ts";
import type { Rotating } from "./rotating.ts";
import { isDropped, isSame, nextSlots, type Goal } from "./rotation-steps.ts";

/** What a slot is to whoever comes with it: `mixed` where some are taken and some are not. */
export type Taken = "accepted" | "refused" | "mixed";

/** Looks at what is, not at what was asked for. */
export interface Checks {
  /** Comes with a slot's secret, as a service would. */
  taken(slot: Slot): Promise<Taken>;
  /** Who is there by a slot at this moment, a line each; or why nobody can know that. */
  readonly users: ((slot: Slot) => Promise<readonly string[]>) | string;
  /** Told when what was asked for is deployed. @default servers see it by themselves */
  deployed?(): Promise<void>;
}

export interface RotationRunArgs {
  readonly rotating: Rotating;
  /** Absent where there is nothing to look at. */
  readonly checks: Checks | undefined;
  readonly goal: Goal;
  readonly steps: Steps;
  /** Seconds that a server may take to see what was deployed. @default 120: a kubelet brings changed files within 90 */
  readonly patienceSeconds?: number;
}

/** What was seen, in the order in which it was. */
export type Seen = string;

const LOOK_EVERY_MS = 1000;

/**
 * Goes step after step, each from what the stack's file says: a run that was killed is gone on with by the next.
 *
 * @throws UserError saying what was waited for, and in which state things are
 */
export async function runRotation(args: RotationRunArgs): Promise<{ readonly slots: Slots; readonly seen: Seen[] }> {
  const { rotating, goal } = args;
  const seen: Seen[] = [];
  let now = rotating.slots();
  let isDeployed = isSame(now, await rotating.deployed());
  for (;;) {
    if (!isDeployed) {
      await rotating.deploy();
      await args.checks?.deployed?.();
    }
    seen.push(...(await verified(args, now)));
    const next = nextSlots(now, goal);
    if (next === "done") return { slots: now, seen };
    await rotating.set(next);
    if (isDropped(now, next)) await rotating.dropOwn(otherSlot(next.slot));
    now = next;
    isDeployed = false;
  }
}

/** What must be so before the next step, in each state. */
async function verified(args: RotationRunArgs, { slot, other }: Slots): Promise<Seen[]> {
  if (args.checks === undefined) return [];
  const left = otherSlot(slot);
  const seen = [await waitTaken(args, slot, "accepted")];
  switch (other) {
    case "none":
      return seen;
    case "next":
      return [...seen, await waitTaken(args, left, "accepted")];
    case "last":
      return [...seen, ...(await waitLeft(args, left))];
    case "off":
      return [...seen, await waitTaken(args, left, "refused")];
  }
}

async function waitTaken(args: RotationRunArgs, slot: Slot, wanted: Taken): Promise<Seen> {
  await wait(args, `Slot ${slot}`, `is ${wanted}`, async () => {
    const taken = await args.checks?.taken(slot);
    return taken === wanted ? undefined : `it is ${taken ?? "unknown"}`;
  });
  return `${slot} is ${wanted}`;
}

async function waitLeft(args: RotationRunArgs, slot: Slot): Promise<Seen[]> {
  const users = args.checks?.users ?? "";
  if (typeof users === "string") return [`who uses ${slot} was not looked at: ${users}`];
  await wait(args, `Slot ${slot}`, "is used by nobody", async () => {
    const found = await users(slot);
    return found.length === 0 ? undefined : `it is used by ${found.join(", ")}`;
  });
  return [`${slot} is used by nobody`];
}

/** Looks until it is so. @throws UserError saying what it is instead */
export async function wait(
  { steps, patienceSeconds = 120 }: Pick<RotationRunArgs, "steps" | "patienceSeconds">,
  title: string,
  what: string,
  look: () => Promise<string | undefined>,
): Promise<void> {
  const until = Date.now() + patienceSeconds * 1000;
  await steps.run(
    title,
    async (report) => {
      for (;;) {
        const instead = await look();
        if (instead === undefined) return;
        report(`waiting until it ${what}: ${instead}`);
        if (Date.now() > until)
          throw new UserError(
            `${title}: for ${patienceSeconds} seconds it was not so that it ${what}: ${instead}. Nothing that serves was taken away. ` +
              `The logs of Postgres and Redis say whether they have taken their files in; run this again, and it goes on from here.`,
          );
        await sleep(LOOK_EVERY_MS);
      }
    },
    () => what,
  );
}
