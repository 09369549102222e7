import { all, Config, secret, type Output } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import {
  credentialSlots,
  isAccepted,
  isKept,
  otherSlot,
  slotKey,
  slotName,
  SLOTS,
  type Credentials,
  type Rotated,
  type Slot,
  type Slots,
} from "../configs/credential-slots.ts";
import { generatedRing } from "../configs/credential-keys.ts";
import { AES_SECRET, OTHER_AES_SECRET } from "../configs/secrets.ts";
import { SECRET_KEYS, type SecretKey } from "../configs/stack.ts";

/** Every secret of a stack, of the slot that serves. */
export interface StackSecrets extends Readonly<Record<SecretKey, Output<string>>> {
  /** What servers accept, and under which slot. */
  readonly accepted: AcceptedLogins;
  /** The key ring with the keys of the slot that serves behind the others: `make token` signs with the last one. */
  readonly jwtSigning: Output<string>;
  readonly cacheToken: CacheToken;
  /** What opens `ENC(...)` values, where the stack brings it, by the name of its file. */
  readonly aes: Readonly<Record<string, Output<string>>>;
}

/** What ElastiCache is given: it has no slots, but keeps the token before where it is told to. */
export interface CacheToken {
  readonly value: Output<string>;
  /** Whether the token before it is taken too. */
  readonly isBesideLast: boolean;
}

/** What both passwords of Postgres are in one slot. */
export interface DatabaseLogin {
  readonly app: Output<string>;
  readonly owner: Output<string>;
}

export type BySlot<T> = Readonly<Partial<Record<Slot, T>>>;

/** The logins that Postgres and Redis take. A slot that is not here is refused. */
export interface AcceptedLogins {
  readonly database: { readonly slot: Slot; readonly logins: BySlot<DatabaseLogin> };
  readonly redis: { readonly slot: Slot; readonly passwords: BySlot<Output<string>> };
}

/** 32 of 62 characters: 190 bits. Letters and digits alone, as they stand in URLs and configuration files. */
const LENGTH = 32;

/** Which credentials are in slots; of others there is one. */
const ROTATED_KEYS: Readonly<Partial<Record<SecretKey, Rotated>>> = {
  databasePassword: "database",
  databaseOwnerPassword: "database",
  redisPassword: "redis",
  jwtKeys: "jwt",
};

/** The stack's own secret where `pulumi config set --secret` gave one, else one that is generated once and kept. */
export function stackSecrets(given?: Credentials): StackSecrets {
  const credentials = credentialSlots(given);
  const config = new Config();
  const slotsOf = (key: SecretKey): Slots => {
    const rotated = ROTATED_KEYS[key];
    return rotated === undefined ? { slot: "first", other: "none" } : credentials[rotated];
  };
  // Those that are refused are made too: they are kept for the way back.
  const values = new Map(
    SECRET_KEYS.flatMap((key) =>
      SLOTS.filter((slot) => isKept(slotsOf(key), slot)).map((slot) => {
        const name = slotKey(key, slot);
        return [name, config.getSecret(name) ?? generate(key, slot)] as const;
      }),
    ),
  );
  const valueOf = (key: SecretKey, slot: Slot): Output<string> => {
    const value = values.get(slotKey(key, slot));
    if (value === undefined) throw new Error(`slipway:credentials names no slot ${slot} of ${key}.`);
    return value;
  };
  const serving = SECRET_KEYS.map((key) => [key, valueOf(key, slotsOf(key).slot)] as const);
  return {
    ...(Object.fromEntries(serving) as Record<SecretKey, Output<string>>),
    ...jwtRings(credentials.jwt, valueOf),
    accepted: acceptedLogins(credentials, valueOf),
    cacheToken: cacheToken(credentials.redis, valueOf),
    aes: aesSecrets(credentials.aes, config),
  };
}

type ValueOf = (key: SecretKey, slot: Slot) => Output<string>;

function acceptedLogins({ database, redis }: Credentials, valueOf: ValueOf): AcceptedLogins {
  const loginOf = (slot: Slot) => ({
    app: valueOf("databasePassword", slot),
    owner: valueOf("databaseOwnerPassword", slot),
  });
  return {
    database: { slot: database.slot, logins: accepted(database, loginOf) },
    redis: { slot: redis.slot, passwords: accepted(redis, (slot) => valueOf("redisPassword", slot)) },
  };
}

function accepted<T>(slots: Slots, of: (slot: Slot) => T): BySlot<T> {
  return Object.fromEntries(SLOTS.filter((slot) => isAccepted(slots, slot)).map((slot) => [slot, of(slot)]));
}

/** The API's ring is the same whichever of two slots serves: moving from one to the other starts no process anew. */
function jwtRings(slots: Slots, valueOf: ValueOf): Pick<StackSecrets, "jwtKeys" | "jwtSigning"> {
  const rings = SLOTS.filter((slot) => isAccepted(slots, slot)).map((slot) => valueOf("jwtKeys", slot));
  const other = otherSlot(slots.slot);
  const [only] = rings;
  if (rings.length === 1 && only !== undefined) return { jwtKeys: only, jwtSigning: only };
  return {
    jwtKeys: joined(rings),
    jwtSigning: joined([valueOf("jwtKeys", other), valueOf("jwtKeys", slots.slot)]),
  };
}

/** One ring of several, each checked before: those of a user by configs/stack.ts. */
function joined(rings: Output<string>[]): Output<string> {
  return all(rings).apply((texts) => {
    const keys = texts.flatMap((text) => (JSON.parse(text) as { readonly keys: readonly unknown[] }).keys);
    return JSON.stringify({ keys });
  });
}

/** The slot that comes next is brought in beside the one that serves, and is the only one once that is off. */
function cacheToken({ slot, other }: Slots, valueOf: ValueOf): CacheToken {
  return {
    value: valueOf("redisPassword", other === "next" ? otherSlot(slot) : slot),
    isBesideLast: other === "next" || other === "last",
  };
}

/** The one that serves stands where it is looked for first. */
function aesSecrets(slots: Slots, config: Config): StackSecrets["aes"] {
  const entries = [slots.slot, otherSlot(slots.slot)]
    .filter((slot) => isAccepted(slots, slot))
    .flatMap((slot, index) => {
      const value = config.getSecret(slotKey("aesSecret", slot));
      return value === undefined ? [] : [[index === 0 ? AES_SECRET : OTHER_AES_SECRET, value] as const];
    });
  return Object.fromEntries(entries);
}

/** 44 letters and digits are also the base64url of 33 bytes. */
const KEY_LENGTH = 44;

function generate(key: SecretKey, slot: Slot): Output<string> {
  switch (key) {
    case "jwtKeys":
      return random(slotName("jwt-key", slot), KEY_LENGTH).apply((made) => generatedRing(made, slot));
    case "hmacKeys":
      return secret('{"keys":[]}');
    case "databasePassword":
    case "databaseOwnerPassword":
    case "redisPassword":
      return random(
        slotName(
          key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
          slot,
        ),
        LENGTH,
      );
  }
}

/** Secrets of backups, where a stack makes its own. */
export interface BackupSecrets {
  /** What every backup is closed with. */
  readonly key: Output<string>;
  /** The two that open the bucket elsewhere, where there is one. */
  readonly bucket?: { readonly accessKeyId: Output<string>; readonly secretAccessKey: Output<string> };
}

/** The stack's own key, else one that is generated once and kept, whether or not backups are made: without it those that were made are lost. */
export function backupSecrets(): BackupSecrets {
  const config = new Config();
  const key = config.getSecret("backupKey") ?? random("backup-key", KEY_LENGTH);
  const [accessKeyId, secretAccessKey] = [
    config.getSecret("offsiteAccessKeyId"),
    config.getSecret("offsiteSecretAccessKey"),
  ];
  if (accessKeyId === undefined || secretAccessKey === undefined) return { key };
  return { key, bucket: { accessKeyId, secretAccessKey } };
}

function random(name: string, length: number): Output<string> {
  return new RandomPassword(name, { length, special: false }).result;
}
