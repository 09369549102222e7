import { expect, it } from "vitest";
import type { Slot } from "../configs/credential-slots.ts";
import type { Answer, Question } from "../jobs/login-question.ts";
import { remoteDatabase, remoteRedis } from "./rotation-api-logins.ts";
import { standing } from "./rotation-servers.ts";

const kubernetes = (external: { postgres?: object; redis?: object } = {}) => ({
  importedImages: false,
  postgres: { external: external.postgres },
  redis: { external: external.redis },
});

it.each([
  ["docker", {}, "docker", "docker"],
  ["kubernetes", {}, "cluster", "cluster"],
  ["kubernetes", { postgres: { host: "db" } }, "external", "cluster"],
  ["kubernetes", { redis: { host: "cache" } }, "cluster", "external"],
  ["aws", {}, "aws", "aws"],
] as const)("on %s with %j as others' Postgres stands at %s and Redis at %s", (platform, external, postgres, redis) => {
  const settings = { platform, kubernetes: kubernetes(external) };
  expect([standing("database", settings), standing("redis", settings)]).toEqual([postgres, redis]);
});

const secrets = { secret: async (key: string, name: string) => `${key} ${name}` };

/** A server that takes these passwords, and what it was asked. */
function server(taken: readonly string[]) {
  const asked: Question[] = [];
  const ask = async (question: Question): Promise<Answer> => {
    asked.push(question);
    return question.ask === "users"
      ? { users: question.roles.map((role) => `${role} (slipway-api, 1)`) }
      : { taken: taken.includes(question.password) };
  };
  return { ask, asked };
}

it.each([
  ["first", [], "refused"],
  ["first", ["databasePassword database-password"], "mixed"],
  ["first", ["databasePassword database-password", "databaseOwnerPassword database-owner-password"], "accepted"],
  [
    "second",
    ["databasePasswordSecond database-password-second", "databaseOwnerPasswordSecond database-owner-password-second"],
    "accepted",
  ],
] as const)("the slot %s of a Postgres elsewhere that takes %j is %s", async (slot: Slot, taken, is) => {
  const { ask, asked } = server(taken);
  expect(await remoteDatabase(ask, secrets).taken(slot)).toBe(is);
  const suffix = slot === "first" ? "" : "_second";
  expect(asked.map((one) => "user" in one && one.user)).toEqual([`slipway_app${suffix}`, `slipway_owner${suffix}`]);
});

it("who is there is asked of Postgres by roles; of one user of Redis nobody knows, and the reason is said", async () => {
  const { ask } = server(["redisPasswordSecond redis-password-second"]);
  const { users } = remoteDatabase(ask, secrets);
  expect(typeof users === "function" && (await users("second"))).toEqual([
    "slipway_app_second (slipway-api, 1)",
    "slipway_owner_second (slipway-api, 1)",
  ]);
  const redis = remoteRedis(ask, "aws", secrets);
  expect([await redis.taken("first"), await redis.taken("second")]).toEqual(["refused", "accepted"]);
  expect(redis.users).toContain("ElastiCache does not tell");
});
