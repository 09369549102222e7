import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connect } from "./engine.ts";
import { fault, faultyLogs, keepingData, leftOvers } from "./leftovers.ts";

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

test("logs are those of containers that failed; one that goes meanwhile is left out (simulated: the engine)", async () => {
  const frame = (text: string) => Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
  const inspected = (id: string, ExitCode: number) => ({
    Id: id,
    Name: `/${id}`,
    State: { Status: "exited", ExitCode },
  });
  const answers: Readonly<Record<string, unknown>> = {
    "/containers/json": ["bad", "cut", "gone", "good"].map((Id) => ({ Id })),
    "/containers/bad/json": inspected("bad", 3),
    "/containers/cut/json": inspected("cut", 4),
    "/containers/good/json": inspected("good", 0),
    "/containers/bad/logs": frame("no password\n"),
  };
  const engine = createServer(({ url = "" }, response) => {
    const answer = answers[url.replace(/\?.*/, "").replace(/^\/v[\d.]+/, "")];
    if (Buffer.isBuffer(answer)) response.end(answer);
    else response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? { message: "not here" }));
  });
  const folder = mkdtempSync(join(tmpdir(), "slipway-leftovers-"));
  const socket = join(folder, "engine.sock");
  await new Promise<void>((resolve) => engine.listen(socket, resolve));
  try {
    const logs = await faultyLogs(connect(`unix://${socket}`), "test");
    expect(logs).toBe(
      "--- bad: exit code 3; the end of its log:\nno password\n--- cut: exit code 4; the end of its log:\n",
    );
  } finally {
    await new Promise((resolve) => engine.close(resolve));
    rmSync(folder, { recursive: true });
  }
});
