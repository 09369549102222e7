import { otherSlot, type Slot, type Slots } from "../configs/credential-slots.ts";

/** Where a rotation goes. */
export interface Goal {
  /** The slot that is to serve. */
  readonly slot: Slot;
  /** Whether the slot is to hold another secret than it may have been kept with. */
  readonly isFresh: boolean;
  /** Whether the slot that served is refused in the end, or stays accepted until somebody says so. */
  readonly turnsOff: boolean;
}

/**
 * What the stack's file is to say next. One step after another, with a deploy and a check between them, it leads from wherever an earlier run
 * has left it:
 *
 *     none → next → (the slots change places) last → off, and off → next on the way back
 */
export function nextSlots(now: Slots, { slot, isFresh, turnsOff }: Goal): Slots | "done" {
  if (now.slot === slot) return servingAlready(now, turnsOff);
  switch (now.other) {
    case "none":
      return { slot: now.slot, other: "next" };
    case "off":
      return { slot: now.slot, other: isFresh ? "none" : "next" };
    case "last":
      // Services have left it; now they are to come back.
      return { slot: now.slot, other: "next" };
    case "next":
      return { slot, other: "last" };
  }
}

function servingAlready({ slot, other }: Slots, turnsOff: boolean): Slots | "done" {
  switch (other) {
    case "none":
    case "off":
      return "done";
    case "next":
      // Nothing has used it: a rotation to it is given up.
      return { slot, other: "off" };
    case "last":
      return turnsOff ? { slot, other: "off" } : "done";
  }
}

/** Whether a step makes a slot's secret anew, or deletes it. */
export function isDropped(from: Slots, to: Slots): boolean {
  return from.other !== "none" && to.other === "none";
}

/**
 * The slot that `rotate` goes to: one that was begun is brought to its end, else the other one is made anew.
 *
 * @param deployed what the last deploy came to its end with; nothing where that is not known
 */
export function rotationGoal(now: Slots, deployed: Slots | undefined): Pick<Goal, "slot" | "isFresh"> {
  switch (now.other) {
    case "none":
    case "next":
      return { slot: otherSlot(now.slot), isFresh: true };
    case "last":
      return { slot: now.slot, isFresh: false };
    case "off":
      // The last step of one that was broken off: it is not begun anew.
      return isSame(now, deployed) ? { slot: otherSlot(now.slot), isFresh: true } : { slot: now.slot, isFresh: false };
  }
}

export function isSame(a: Slots, b: Slots | undefined): boolean {
  return a.slot === b?.slot && a.other === b.other;
}

/** The steps that are left, for who asks what would be done. */
export function stepsTo(now: Slots, goal: Goal): readonly Slots[] {
  const steps: Slots[] = [];
  let at = now;
  for (;;) {
    const next = nextSlots(at, goal);
    if (next === "done") return steps;
    steps.push(next);
    at = next;
  }
}
