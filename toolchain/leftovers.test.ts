import { expect, test } from "vitest";
import { fault, keepingData, leftOvers } from "./leftovers.ts";

test.each([
  [{ Status: "running", ExitCode: 0, Health: { Status: "healthy" } }, undefined],
  [{ Status: "running", ExitCode: 0 }, undefined],
  [{ Status: "exited", ExitCode: 0 }, undefined],
  [{ Status: "created", ExitCode: 0 }, undefined],
  [{ Status: "running", ExitCode: 0, Health: { Status: "unhealthy" } }, "unhealthy"],
  [{ Status: "exited", ExitCode: 3 }, "exit code 3"],
  [{ Status: "restarting", ExitCode: 1 }, "restarting after exit code 1"],
])("%j: %s", (state, expected) => {
  expect(fault(state)).toBe(expected);
});

test("only volumes that hold data are kept", () => {
  const volume = (urn: string, labels: object[]) => ({ urn, type: "docker:index/volume:Volume", inputs: { labels } });
  const data = volume("data", [{ label: "slipway.data", value: "true" }]);
  const secrets = volume("secrets", [{ label: "slipway.service", value: "api" }]);
  const container = { urn: "container", type: "docker:index/container:Container", inputs: data.inputs };
  const state = { version: 3, deployment: { manifest: {}, resources: [data, secrets, container] } };
  expect(keepingData(state)).toEqual({
    version: 3,
    deployment: { manifest: {}, resources: [{ ...data, retainOnDelete: true }, secrets, container] },
  });
});

test("what is left of a stack is named with what removes it; of another one only where nobody has its state", () => {
  const volume = (name: string, stack: string, labels = {}) => ({
    ...{ kind: "volume" as const, name },
    Labels: { "slipway.stack": stack, ...labels },
  });
  const objects = [
    volume("mine-data", "mine", { "slipway.data": "true" }),
    { kind: "network" as const, name: "mine-inner", Labels: { "slipway.stack": "mine" } },
    volume("other-data", "other"),
    volume("lost-data", "lost", { "slipway.data": "true" }),
  ];
  expect(leftOvers(objects, "mine", ["other"])).toEqual([
    { kind: "network", name: "mine-inner", remove: "docker network rm mine-inner" },
    { kind: "volume", name: "mine-data", kept: "data", remove: "docker volume rm mine-data" },
    {
      ...{ kind: "volume of lost, a stack without a state in this user's folder:", name: "lost-data" },
      remove: "docker volume rm lost-data",
    },
  ]);
});
