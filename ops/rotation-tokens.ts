import { slotKey, slotName, type Slot } from "../configs/credential-slots.ts";
import { parseJwtKeys } from "../configs/credential-keys.ts";
import { UserError } from "../toolchain/command.ts";
import { makeToken } from "../toolchain/token.ts";
import type { StackRotating } from "./rotating.ts";
import type { Checks } from "./rotation-run.ts";

/** As many answers as make it likely that every replica of the API has given one. */
const ASKED = 12;

/** Comes to the API with tokens that a slot's own key has signed. Who else has some nobody knows: they are in the hands of clients. */
export function jwtChecks(stack: Pick<StackRotating, "secret" | "reached">): Checks {
  return {
    taken: async (slot) => {
      const token = await tokenOf(stack, slot);
      const codes = await stack.reached((url) => Promise.all(Array.from({ length: ASKED }, () => ask(url, token))));
      if (codes.every((code) => code === 200)) return "accepted";
      return codes.every((code) => code === 401) ? "refused" : "mixed";
    },
  };
}

async function tokenOf(stack: Pick<StackRotating, "secret">, slot: Slot): Promise<string> {
  const content = await stack.secret(slotKey("jwtKeys", slot), slotName("jwt-key", slot));
  if (content === undefined) throw new UserError(`The stack has no key in the slot ${slot}. Is it up? make up`);
  return makeToken(isRing(content) ? content : ringOf(content, slot));
}

function isRing(content: string): boolean {
  try {
    return parseJwtKeys(content).length > 0;
  } catch {
    return false;
  }
}

/** As infra/secrets.ts puts a generated key into a ring. */
function ringOf(secret: string, slot: Slot): string {
  return JSON.stringify({ keys: [{ kid: slotName("generated", slot), alg: "HS256", secret }] });
}

async function ask(url: string, token: string): Promise<number> {
  // A connection each: one that is kept goes to one replica alone.
  const headers = { authorization: `Bearer ${token}`, connection: "close" };
  const response = await fetch(`${url}/api/v1/jobs?limit=1`, { headers, signal: AbortSignal.timeout(15_000) });
  await response.body?.cancel();
  return response.status;
}
