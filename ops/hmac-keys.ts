import { randomBytes } from "node:crypto";
import { EXIT } from "../backup/protocol.ts";
import type { HmacKey } from "../configs/credential-keys.ts";
import { UserError } from "../toolchain/command.ts";

/** What a rotation does to the ring of keys that requests are signed with. */
export interface RingChange {
  readonly keys: readonly HmacKey[];
  /** The key that is looked at afterwards, and how it has to be taken then. */
  readonly looked: { readonly key: HmacKey; readonly wanted: "accepted" | "refused" };
  /** For people. */
  readonly what: string;
}

const SUFFIX = "-second";

/** The id of the other slot: a key has two names, and they take turns. */
export function otherId(id: string): string {
  return id.endsWith(SUFFIX) ? id.slice(0, -SUFFIX.length) : `${id}${SUFFIX}`;
}

/** A key of the same tenant beside one. @param secret of a run before this one @default a fresh one */
export function beside(
  keys: readonly HmacKey[],
  id: string,
  secret = randomBytes(32).toString("base64url"),
): RingChange {
  const from = find(keys, id);
  if (from.enabled === false)
    throw new UserError(`The key ${id} is off. Rotate the one that serves: --key ${otherId(id)}`, EXIT.usage);
  const key: HmacKey = { id: otherId(id), tenant: from.tenant, secret };
  return {
    keys: [...keys.filter((one) => one.id !== key.id), key],
    looked: { key, wanted: "accepted" },
    what: `${key.id} of ${key.tenant} is accepted beside ${id}`,
  };
}

/** Refuses a key, and keeps it. */
export function turnedOff(keys: readonly HmacKey[], id: string): RingChange {
  const key = find(keys, id);
  const other = keys.find((one) => one.id === otherId(id));
  if (other === undefined || other.enabled === false)
    throw new UserError(
      `${id} is the only key of this pair that is accepted: ${key.tenant} would be shut out. Rotate first: ./slipway rotate hmac --key ${id} --to FILE --yes`,
      EXIT.usage,
    );
  const off = { ...key, enabled: false };
  return {
    keys: keys.map((one) => (one.id === id ? off : one)),
    looked: { key: off, wanted: "refused" },
    what: `${id} is refused, and kept for the way back; ${other.id} serves`,
  };
}

/** Takes a key that is off. */
export function turnedOn(keys: readonly HmacKey[], id: string): RingChange {
  const { tenant, secret } = find(keys, id);
  const key: HmacKey = { id, tenant, secret };
  return {
    keys: keys.map((one) => (one.id === id ? key : one)),
    looked: { key, wanted: "accepted" },
    what: `${id} is accepted again`,
  };
}

/** Lets a key go that is off. */
export function forgotten(keys: readonly HmacKey[], id: string): RingChange {
  const key = find(keys, id);
  if (key.enabled !== false)
    throw new UserError(
      `The key ${id} is accepted. Turn it off first: ./slipway rotate hmac --key ${id} --off --yes`,
      EXIT.usage,
    );
  return {
    keys: keys.filter((one) => one.id !== id),
    looked: { key, wanted: "refused" },
    what: `${id} is deleted`,
  };
}

function find(keys: readonly HmacKey[], id: string): HmacKey {
  const found = keys.find((one) => one.id === id);
  if (found !== undefined) return found;
  throw new UserError(
    `The stack's hmacKeys have no key ${JSON.stringify(id)}; they are: ${keys.map((one) => one.id).join(", ") || "none"}.`,
    EXIT.usage,
  );
}
