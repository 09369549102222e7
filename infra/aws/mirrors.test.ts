import { describe, expect, it } from "vitest";
import { SECRET_KEYS } from "../../configs/stack.ts";
import {
  arnOf,
  dataSettings,
  inClear,
  inputs,
  KEYS,
  names,
  one,
  recordAws,
  TYPES,
} from "../../test/pulumi/aws-data.ts";
import { isSecretEnvelope, known } from "../../test/pulumi/recorder.ts";
import { stackSecrets } from "../secrets.ts";
import { mirrors } from "./mirrors.ts";
import type { AwsPlace } from "./place.ts";

const NAMES = [
  ...["secret-database-owner-password", "secret-database-password", "secret-hmac-keys", "secret-jwt-keys"],
  "secret-redis-password",
];

const make =
  (settings: object = {}) =>
  (place: AwsPlace) =>
    mirrors({
      ...{
        settings: dataSettings({ mirrors: settings }).mirrors,
        secrets: stackSecrets(),
        keyArn: KEYS.secrets,
        place,
      },
    });

const own = { config: { databasePassword: "Canary-of-my-own-Zq7" } };

describe("the mirrors of the stack's secrets", () => {
  it("are one for each, encrypted with our key", async () => {
    const { resources, result } = await recordAws(make(), own);
    expect(names(resources, TYPES.secret)).toEqual(NAMES);
    for (const name of NAMES) expect(inputs(resources, TYPES.secret, name)).toMatchObject({ kmsKeyId: KEYS.secrets });
    expect(Object.keys(result).sort()).toEqual([...SECRET_KEYS].sort());
    const arn = result.redisPassword;
    expect(arn && (await known(arn))).toBe(arnOf("secretsmanager", "secret-redis-password"));
  });

  it("have what the stack has, in envelopes and nowhere in clear", async () => {
    const { resources } = await recordAws(make(), own);
    expect(names(resources, TYPES.secretVersion)).toEqual(NAMES);
    for (const name of NAMES) {
      const { sent } = one(resources, TYPES.secretVersion, name);
      expect(isSecretEnvelope(sent["secretString"]), name).toBe(true);
    }
    expect(inputs(resources, TYPES.secretVersion, "secret-database-password")).toEqual({
      ...{ secretId: "secret-database-password-id", secretString: "Canary-of-my-own-Zq7" },
    });
    expect(inClear(resources)).not.toContain("Canary");
  });

  it("can be brought back for 30 days where the stack keeps its data, and go at once where it is torn down", async () => {
    for (const [keep, days] of [
      [true, 30],
      [false, 0],
    ] as const) {
      const { resources } = await recordAws(make(), { keep });
      for (const name of NAMES) expect(inputs(resources, TYPES.secret, name)["recoveryWindowInDays"]).toBe(days);
    }
  });

  it("are none where the stack's file says so", async () => {
    const { resources } = await recordAws(make({ enabled: false }));
    expect(names(resources, TYPES.secret)).toEqual([]);
    expect(names(resources, TYPES.secretVersion)).toEqual([]);
  });
});
