import { EXIT } from "../../backup/protocol.ts";
import { ROTATED, type Rotated, type Slot } from "../../configs/credential-slots.ts";
import { UserError } from "../../toolchain/command.ts";
import { rotateHmac } from "../hmac-rotation.ts";
import { isOwn } from "../rotation-servers.ts";
import { rotateSlots } from "../slot-rotation.ts";
import { runOps } from "../run-ops.ts";

const WHAT = [...ROTATED, "hmac"] as const;

const OPTIONS = {
  yes: { type: "boolean", default: false },
  back: { type: "boolean", default: false },
  forget: { type: "boolean", default: false },
  off: { type: "boolean", default: false },
  slot: { type: "string" },
  key: { type: "string" },
  to: { type: "string" },
} as const;

const HELP = {
  optionLines: [
    "database | redis | jwt | hmac | aes",
    "--yes          does it",
    "--off          jwt, hmac, aes, external servers: what served before is refused from now on",
    "--back         back to the slot that served before",
    "--slot NAME    with --back: first or second, where it is in the middle of a rotation",
    "--forget       deletes the slot that is off; a rotation does that too, before it makes another",
    "--key ID       hmac: the key of a tenant that is rotated",
    "--to FILE      hmac: a file that is not there yet, for the new key; its mode is 0600",
  ],
  examples: [
    "./slipway rotate database",
    "./slipway rotate database --yes",
    "./slipway rotate database --back --yes",
    "./slipway rotate jwt --yes && sleep 3600 && ./slipway rotate jwt --off --yes",
    "./slipway rotate hmac --key acme-1 --to acme.json --yes",
  ],
};

export function run(): Promise<void> {
  return runOps({
    name: "rotate",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "gives the stack new credentials while it serves: a second slot is made, services are moved to it one release after the other, and the slot that served is " +
      "refused, and kept for the way back. Each step is a line of the stack's file and a pulumi up, and is looked at before the next; a rotation that was killed " +
      "goes on when it is run again. Without --yes it says what it would do, and changes nothing. " +
      "Tokens (jwt), keys of signed requests (hmac) and ENC(...) values (aes) are in hands of others: there the slot that served stays accepted until --off.",
    options: OPTIONS,
    ...HELP,
    words: 1,
    run: async ({ stack, values, words, steps }) => {
      const what = named(words[0]);
      const { yes: isYes, back: isBack, forget: isForget, off: isOff, slot, key, to } = values;
      if ([isBack, isForget, isOff].filter(Boolean).length > 1)
        throw new UserError("--back, --forget and --off go alone. See: ./slipway rotate --help", EXIT.usage);
      const common = { stack, steps, isYes, isBack, isForget, isOff };
      if (what === "hmac") return rotateHmac({ ...common, key, to });
      if (key !== undefined || to !== undefined)
        throw new UserError(`--key and --to are for hmac alone, got them for ${what}.`, EXIT.usage);
      if (isOff && isOwn(what, stack)) refuseOff(what);
      return rotateSlots({ ...common, what, slot: slotOf(slot, isBack) });
    },
  });
}

function named(word: string | undefined): (typeof WHAT)[number] {
  const found = WHAT.find((one) => one === word);
  if (found !== undefined) return found;
  throw new UserError(
    `slipway rotate takes one of ${WHAT.join(", ")}, got ${word === undefined ? "nothing" : JSON.stringify(word)}. See: ./slipway rotate --help`,
    EXIT.usage,
  );
}

function refuseOff(what: Rotated): never {
  throw new UserError(
    `--off is for jwt, hmac and aes, and for servers that are not the stack's: whoever uses ${what} is the stack's own, and the slot that served is turned off by the rotation itself.`,
    EXIT.usage,
  );
}

function slotOf(slot: string | undefined, isBack: boolean): Slot | undefined {
  if (slot === undefined) return undefined;
  if (!isBack) throw new UserError("--slot goes with --back. See: ./slipway rotate --help", EXIT.usage);
  if (slot === "first" || slot === "second") return slot;
  throw new UserError(`--slot is ${JSON.stringify(slot)}; allowed are first and second.`, EXIT.usage);
}
