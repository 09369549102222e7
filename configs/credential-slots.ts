import { z } from "zod";

/** Credentials that a stack makes for its own services, each in two slots: one serves, the other is what it is rotated to, or was. */
export const ROTATED = ["database", "redis", "jwt", "aes"] as const;
export type Rotated = (typeof ROTATED)[number];

export const SLOTS = ["first", "second"] as const;
export type Slot = (typeof SLOTS)[number];

/**
 * How the slot stands that does not serve.
 *
 *   none  it does not exist
 *   next  it is accepted, and nothing uses it yet: services will be moved to it
 *   last  it is accepted still: services were moved away from it
 *   off   it is kept and refused: one can go back to it
 *
 * `next` and `last` are the same to servers. They differ for who goes on with a rotation that was broken off.
 */
export const OTHER_SLOT = ["none", "next", "last", "off"] as const;
export type OtherSlot = (typeof OTHER_SLOT)[number];

const slots = z.strictObject({
  /** The slot that services use. */
  slot: z.enum(SLOTS).default("first"),
  other: z.enum(OTHER_SLOT).default("none"),
});

export type Slots = z.infer<typeof slots>;

/**
 * Which credentials serve; `slipway:credentials` of the stack's file. `slipway rotate` writes it, step by step; whoever writes it by hand goes
 * the same steps, with a `pulumi up` after each: none, next, the other slot with last, off. A step that is left out is an interruption.
 */
export const credentialsSchema = z.strictObject({
  /** The two passwords of Postgres, of its roles and of those that own them. */
  database: slots.prefault({}),
  redis: slots.prefault({}),
  /** Keys that tokens are checked with, and the one that `make token` signs with. */
  jwt: slots.prefault({}),
  /** What opens `ENC(...)` values, where the stack brings it: the secrets aesSecret and aesSecretSecond. */
  aes: slots.prefault({}),
});

export type Credentials = z.infer<typeof credentialsSchema>;

/** How the slots stand where the file leaves `credentials` out. */
export function credentialSlots(given: Credentials | undefined): Credentials {
  return given ?? credentialsSchema.parse({});
}

export function otherSlot(slot: Slot): Slot {
  return slot === "first" ? "second" : "first";
}

/** Whether a slot's secret is there at all. */
export function isKept({ slot, other }: Slots, asked: Slot): boolean {
  return asked === slot || other !== "none";
}

/** Whether a slot is accepted. */
export function isAccepted({ slot, other }: Slots, asked: Slot): boolean {
  return asked === slot || other === "next" || other === "last";
}

/** The name of a secret or a file in one slot: the first one's is the name as it was before there were two. */
export function slotName(name: string, slot: Slot): string {
  return slot === "first" ? name : `${name}-second`;
}

/** The same for secrets of the stack's file. */
export function slotKey<T extends string>(key: T, slot: Slot): T | `${T}Second` {
  return slot === "first" ? key : `${key}Second`;
}
