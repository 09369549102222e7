import { slotKey, slotName, type Slot } from "../configs/credential-slots.ts";
import { generatedRing, parseJwtKeys } from "../configs/credential-keys.ts";
import { UserError } from "../toolchain/command.ts";
import { makeToken } from "../toolchain/token.ts";
import type { StackRotating } from "./rotating.ts";
import type { Checks } from "./rotation-run.ts";
import { takenByApi } from "./taken-by-api.ts";

/** Comes to the API with tokens that a slot's own key has signed. Who else has some nobody knows: they are in the hands of clients. */
export function jwtChecks(stack: Pick<StackRotating, "secret" | "reached">): Checks {
  return {
    users: "who has tokens of it nobody knows",
    taken: async (slot) => {
      const token = await tokenOf(stack, slot);
      return stack.reached((url) => takenByApi(url, () => ({ authorization: `Bearer ${token}` })));
    },
  };
}

async function tokenOf(stack: Pick<StackRotating, "secret">, slot: Slot): Promise<string> {
  const content = await stack.secret(slotKey("jwtKeys", slot), slotName("jwt-key", slot));
  if (content === undefined) throw new UserError(`The stack has no key in the slot ${slot}. Is it up? make up`);
  return makeToken(isRing(content) ? content : generatedRing(content, slot));
}

function isRing(content: string): boolean {
  try {
    return parseJwtKeys(content).length > 0;
  } catch {
    return false;
  }
}
