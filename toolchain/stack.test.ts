import { expect, test } from "vitest";
import { generatedSecret, resourceLine } from "./stack.ts";

test.each([
  [" +  docker:index:Container api-1 created (0.31s)", "Container api-1 created (0.31s)"],
  ["    pulumi:pulumi:Stack slipway-dev running", "Stack slipway-dev running"],
  [" +- docker:index/container:Container edge replacing (1s)", "Container edge replacing (1s)"],
  ["Updating (dev):", "Updating (dev):"],
])("%j is shown as %j", (line, shown) => {
  expect(resourceLine(line)).toBe(shown);
});

test("a generated secret is found by its name among passwords alone", () => {
  const resource = (type: string, name: string, plaintext?: string) => ({
    urn: `urn:pulumi:dev::slipway::${type}::${name}`,
    type,
    ...(plaintext !== undefined && { outputs: { length: 44, result: { plaintext: JSON.stringify(plaintext) } } }),
  });
  const password = "random:index/randomPassword:RandomPassword";
  const state = {
    version: 3,
    deployment: {
      resources: [
        resource("random:index/randomId:RandomId", "backup-key", "an id"),
        {
          urn: "urn:pulumi:dev::slipway::uuid::release",
          type: "random:index/randomUuid:RandomUuid",
          outputs: { result: "plain" },
        },
        resource(password, "another-backup-key", "another"),
        resource(password, "backup-key", "the key"),
        resource(password, "unmade"),
      ],
    },
  };
  expect(generatedSecret(state, "backup-key")).toBe("the key");
  expect(generatedSecret(state, "unmade")).toBeUndefined();
  expect(generatedSecret(state, "redis-password")).toBeUndefined();
  expect(generatedSecret({ version: 3, deployment: {} }, "backup-key")).toBeUndefined();
});
