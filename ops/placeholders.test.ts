import { expect, test } from "vitest";
import { parseStackConfig } from "../configs/stack.ts";
import { openFile, openState, PLACEHOLDER } from "./placeholders.ts";
import { SECRET, SIGNATURE } from "./property-paths.ts";

const closed = (text: string) => ({ secure: `v1:nonce:${text}` });
const sealed = (ciphertext: string) => ({ [SIGNATURE]: SECRET, ciphertext });

test("what is closed in a stack's file, and what closes it, stays behind; placeholders are what the program takes", () => {
  const keys = [
    ...["databasePassword", "databaseOwnerPassword", "redisPassword", "jwtKeys", "hmacKeys", "backupKey"],
    ...["databasePasswordSecond", "redisPasswordSecond", "jwtKeysSecond", "aesSecret", "aesSecretSecond"],
  ];
  const { content, placeholders } = openFile("unit", {
    ...{ secretsprovider: "awskms://alias/states", encryptedkey: "AQID", encryptionsalt: "v1:salt" },
    config: {
      ...{ "slipway:platform": "docker", "slipway:environment": "prod" },
      ...Object.fromEntries(keys.map((key) => [`slipway:${key}`, closed("Canary")])),
    },
  });
  expect(content).toEqual({ config: { "slipway:platform": "docker", "slipway:environment": "prod" } });
  const values = Object.fromEntries(Object.entries(placeholders).map(([key, text]) => [key.split(":")[1] ?? "", text]));
  expect(Object.keys(values)).toEqual(keys);
  const raw = {
    values: { ...values, platform: "docker", environment: "prod" },
    isSecret: (key: string) => keys.includes(key),
  };
  expect(parseStackConfig("unit", raw).environment).toBe("prod");
});

test("a cluster that only a secret tells of cannot be looked at without it", () => {
  expect(() => openFile("unit", { config: { "slipway:kubeconfig": closed("x") } })).toThrow(
    /slipway:kubeconfig is a secret.*kubernetes\.kubeconfig/,
  );
});

test("a state keeps everything but secrets, what closes them, and what plugins and a killed deploy left", () => {
  const state = {
    version: 3,
    deployment: {
      secrets_providers: { type: "awskms" },
      pending_operations: [{ type: "creating" }],
      resources: [
        {
          type: "kubernetes:core/v1:Secret",
          inputs: { data: sealed("Canary"), immutable: true },
          outputs: { data: { key: sealed("Canary") }, immutable: true },
        },
        {
          type: "docker:index/container:Container",
          inputs: { uploads: [{ file: "/a", content: sealed("Canary") }] },
          outputs: { uploads: sealed("Canary") },
        },
        { type: "a:b:C", outputs: { list: [{ password: sealed("Canary") }], __pulumi_raw_state_delta: { obj: 1 } } },
      ],
    },
  };
  expect(openState(state, "v1:other")).toEqual({
    version: 3,
    deployment: {
      secrets_providers: { type: "passphrase", state: { salt: "v1:other" } },
      pending_operations: [],
      resources: [
        { type: "kubernetes:core/v1:Secret", inputs: { immutable: true }, outputs: { immutable: true } },
        {
          type: "docker:index/container:Container",
          inputs: {
            uploads: [{ file: "/a", content: { [SIGNATURE]: SECRET, plaintext: JSON.stringify(PLACEHOLDER) } }],
          },
          outputs: {
            uploads: {
              [SIGNATURE]: SECRET,
              plaintext: JSON.stringify([{ file: "/a", content: PLACEHOLDER }]),
            },
          },
        },
        {
          type: "a:b:C",
          inputs: {},
          outputs: { list: [{ password: { [SIGNATURE]: SECRET, plaintext: JSON.stringify(PLACEHOLDER) } }] },
        },
      ],
    },
  });
});
