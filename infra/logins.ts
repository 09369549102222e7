import type { Cache, Database } from "./contract.ts";
import { slotName, SLOTS, type Slot } from "../configs/credential-slots.ts";
import type { Input, Output } from "@pulumi/pulumi";
import type { AcceptedLogins, BySlot, DatabaseLogin, StackSecrets } from "./secrets.ts";

/** Roles of the product in a database. Those of the second slot are members of these, and may do what they may. */
export const ROLES = { app: "slipway_app", owner: "slipway_owner" } as const;

/** The user of Redis in the second slot; in the first it is Redis' own default user. */
export const SECOND_REDIS_USER = "slipway_second";

export function roleName(role: keyof typeof ROLES, slot: Slot): string {
  return slot === "first" ? ROLES[role] : `${ROLES[role]}_second`;
}

/** The roles that services log in as: those of the slot that serves. */
export function servingRoles({ accepted, ...secrets }: StackSecrets): Pick<Database, "app" | "owner"> {
  const { slot } = accepted.database;
  return {
    app: { user: roleName("app", slot), password: secrets.databasePassword },
    owner: { user: roleName("owner", slot), password: secrets.databaseOwnerPassword },
  };
}

/** Who services come to Redis as, where our own image serves it. */
export function servingRedisUser({ redis }: AcceptedLogins): Pick<Cache, "user"> {
  return redis.slot === "first" ? {} : { user: SECOND_REDIS_USER };
}

/** The files by which the image of Postgres sets its roles: a slot without files is refused. */
export function databaseFiles(logins: BySlot<DatabaseLogin>): Record<string, Input<string>> {
  return Object.fromEntries(
    SLOTS.flatMap((slot) => {
      const login = logins[slot];
      if (login === undefined) return [];
      return [
        [slotName("database-password", slot), login.app],
        [slotName("database-owner-password", slot), login.owner],
      ] as const;
    }),
  );
}

/** The files by which the image of Redis sets its users. */
export function redisFiles(passwords: BySlot<Output<string>>): Record<string, Input<string>> {
  return Object.fromEntries(
    SLOTS.flatMap((slot) => {
      const password = passwords[slot];
      return password === undefined ? [] : [[slotName("redis-password", slot), password] as const];
    }),
  );
}
