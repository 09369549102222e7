import { describe, expect, it } from "vitest";
import { servicesOf, statusText } from "../commands/status.ts";
import type { Seen } from "../sight/sight.ts";
import { judgeFile, judgeVersions } from "./pre.ts";

const image = (digit: string) => `sha256:${digit.repeat(64)}`;

const seen = (service: string, more: Partial<Seen> = {}): Seen => ({
  ...{ service, name: `slipway-dev-${service}-1-0a1b2c3`, image: image("a"), standing: "ready", restarts: 0 },
  ...{ since: "2026-11-29T11:58:00Z", ...more },
});

describe("check --pre", () => {
  const file = (more: object = {}) =>
    JSON.stringify({ "slipway:platform": { value: "docker" }, "slipway:environment": { value: "dev" }, ...more });

  it("reads the stack's file as the program does, and lists its faults", () => {
    const jwt = { "slipway:redisPassword": { value: "canary-canary-canary", secret: true } };
    expect(judgeFile("dev", file(jwt))).toEqual({ state: "good", detail: "docker, dev; 1 secrets of its own open" });
    const { state, detail } = judgeFile(
      "dev",
      file({ "slipway:api": { value: '{"replicas": 0}' }, "slipway:x": { value: "1" } }),
    );
    expect(state).toBe("bad");
    expect(detail).toContain("slipway:api.replicas");
    expect(detail).toContain("slipway:x");
    const short = { "slipway:redisPassword": { value: "canary", secret: true } };
    expect(judgeFile("dev", file(short)).detail).toMatch(/^(?!.*canary)/s);
  });

  it("names versions that are too old", () => {
    expect(judgeVersions("24.21.0", "v3.230.0").state).toBe("good");
    expect(judgeVersions("20.20.2", "v3.100.0").detail).toBe(
      "Node is 20.20.2, must be 22.18.0 or newer; Pulumi is v3.100.0, must be 3.220.0 or newer",
    );
  });
});

describe("status", () => {
  const base = { url: "http://127.0.0.1:8080", dataGeneration: "first", backups: undefined, gpuWorkers: 0 };
  const now = new Date("2026-11-29T12:00:00Z");

  it("counts what is ready, and names what is not with the reason", () => {
    const faulty = seen("api", {
      name: "slipway-dev-api-2-0a1b2c3",
      standing: "unhealthy",
      reason: "no answer\nmore",
      restarts: 2,
    });
    const text = statusText("dev", { ...base, services: servicesOf([seen("api"), faulty], { api: 2 }) }, now);
    expect(text).toMatch(/^api +1\/2 +2 min 00 s +2 +aaaaaaaaaaaa +api-2 unhealthy: no answer$/m);
  });

  it("names a service of which nothing is there", () => {
    const services = servicesOf([], { "worker-cpu": 1 });
    expect(services).toEqual([{ service: "worker-cpu", ready: 0, wanted: 1, containers: [] }]);
    expect(statusText("dev", { ...base, services }, now)).toMatch(/^worker-cpu +0\/1 .*none runs$/m);
  });
});
