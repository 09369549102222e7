import { parseJson } from "../configs/json.ts";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { signRequest } from "../app/credentials.ts";
import { EXIT } from "../backup/protocol.ts";
import { parseHmacKeys, type HmacKey } from "../configs/credential-keys.ts";
import { UserError } from "../toolchain/command.ts";
import { beside, forgotten, otherId, turnedOff, turnedOn, type RingChange } from "./hmac-keys.ts";
import { checkFree } from "./key-file.ts";
import { stackOption } from "./restore-run.ts";
import { StackRotating } from "./rotating.ts";
import { StackFile } from "./stack-file.ts";
import { wait } from "./rotation-run.ts";
import type { Said } from "./run-ops.ts";
import type { RotateArgs } from "./slot-rotation.ts";
import { ASKED_PATH, takenByApi } from "./taken-by-api.ts";

export interface RotateHmacArgs extends RotateArgs {
  /** The key that is meant. */
  readonly key: string | undefined;
  /** Where the new key goes. */
  readonly to: string | undefined;
}

const SECRET = "hmacKeys";

/**
 * Rotates one key that a tenant signs requests with. Both are accepted until `--off`: nobody but the tenant can move.
 *
 * @throws UserError where there is no such key, or the step does not fit
 */
export async function rotateHmac(args: RotateHmacArgs): Promise<Said> {
  const { stack, steps, isYes, key: id } = args;
  if (id === undefined)
    throw new UserError("slipway rotate hmac has to know the key: --key ID. See: ./slipway rotate --help", EXIT.usage);
  if (!new StackFile(stack).has(SECRET))
    throw new UserError(
      `Pulumi.${stack}.yaml has no slipway:${SECRET}: no request is signed, and there is nothing to rotate. docs/api.md says what goes there.`,
      EXIT.usage,
    );
  const rotating = new StackRotating(stack, "jwt", steps);
  const pulumi = await rotating.stack();
  const keys = parseHmacKeys(await pulumi.secret(SECRET));
  const file = fileOf(args);
  const change = changeOf(args, keys, id, file);
  const result = { what: "hmac", key: change.looked.key.id, tenant: change.looked.key.tenant, ...(file && { file }) };
  if (!isYes)
    return { code: EXIT.good, result, text: `\nWith --yes, by one pulumi up: ${change.what}. Nothing was changed.\n` };
  // Before it is in the stack: a key that nobody has a copy of would be of no use to its tenant.
  if (file !== undefined && !existsSync(file)) writeKey(file, stack, change.looked.key);
  await pulumi.setSecret(SECRET, JSON.stringify({ keys: change.keys }));
  await rotating.deploy();
  const { key, wanted } = change.looked;
  await wait({ steps }, `Key ${key.id}`, `is ${wanted}`, async () => {
    const signed = () => signRequest(key, { method: "GET", path: ASKED_PATH });
    const taken = await rotating.reached((url) => takenByApi(url, signed));
    return taken === wanted ? undefined : `it is ${taken}`;
  });
  return { code: EXIT.good, result, text: `\n${change.what}.${hintOf(args, id, file)}\n` };
}

function changeOf(args: RotateHmacArgs, keys: readonly HmacKey[], id: string, file: string | undefined): RingChange {
  if (args.isOff) return turnedOff(keys, id);
  if (args.isBack) return turnedOn(keys, id);
  if (args.isForget) return forgotten(keys, id);
  if (file === undefined)
    throw new UserError("slipway rotate hmac has to know where the new key goes: --to FILE", EXIT.usage);
  return beside(keys, id, begunSecret(file, otherId(id)));
}

function fileOf({ to, isOff, isBack, isForget }: RotateHmacArgs): string | undefined {
  if (to === undefined) return undefined;
  if (isOff || isBack || isForget)
    throw new UserError("--to goes with a rotation alone: no other step makes a key.", EXIT.usage);
  return resolve(process.env["SLIPWAY_FROM"] ?? ".", to);
}

const keyFileSchema = z.object({ stack: z.string(), id: z.string(), tenant: z.string(), secret: z.string() });

/** A run that was killed has written the key already: this one brings that key in. Another file is not written over. */
function begunSecret(file: string, id: string): string | undefined {
  if (!existsSync(file)) {
    checkFree(file);
    return undefined;
  }
  const { data } = keyFileSchema.safeParse(parseJson(readFileSync(file, "utf8")));
  if (data?.id === id) return data.secret;
  checkFree(file);
  return undefined;
}

function writeKey(file: string, stack: string, { id, tenant, secret }: HmacKey): void {
  writeFileSync(file, `${JSON.stringify({ stack, id, tenant, secret }, null, 2)}\n`, {
    ...{ mode: 0o600, flag: "wx", flush: true },
  });
}

function hintOf({ stack, isOff, isBack, isForget }: RotateHmacArgs, id: string, file: string | undefined): string {
  const command = (words: string) => `./slipway rotate hmac --key ${words} --yes${stackOption(stack)}`;
  if (isOff) return ` Back: ${command(`${id} --back`)}. Let it go: ${command(`${id} --forget`)}`;
  if (isBack || isForget) return "";
  return ` It is in ${file ?? ""}: give it to the tenant. Once requests are signed with it: ${command(`${id} --off`)}`;
}
