import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cpuShare, duration, hardened, type ContainerShape } from "./container.ts";

describe("duration", () => {
  // Printed by Go 1.26: (time.Duration(s) * time.Second).String()
  it.each([
    [0, "0s"],
    [1, "1s"],
    [59, "59s"],
    [60, "1m0s"],
    [61, "1m1s"],
    [90, "1m30s"],
    [3599, "59m59s"],
    [3600, "1h0m0s"],
    [3601, "1h0m1s"],
    [3660, "1h1m0s"],
    [7325, "2h2m5s"],
    [86_400, "24h0m0s"],
    [90_061, "25h1m1s"],
    [360_000, "100h0m0s"],
  ])("writes %d seconds as Go does: %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it("means the same seconds when it is read again, in the one form that Go prints", () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000_000 }), (seconds) => {
        const parts = /^(?:([1-9]\d*)h(?=\d+m))?(?:(\d+)m)?(\d+)s$/.exec(duration(seconds));
        const [hours, minutes, rest] = [1, 2, 3].map((group) => Number(parts?.[group] ?? 0));
        expect((hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (rest ?? NaN)).toBe(seconds);
        expect(Math.max(minutes ?? 0, rest ?? 0)).toBeLessThan(60);
        expect(duration(seconds)).not.toMatch(/^0[hm]/);
      }),
    );
  });
});

/** nanoInt64ToDecimalString of the Docker provider, which a refresh compares with what was asked for. */
function writtenBack(cpus: string): string {
  const nano = BigInt(Math.round(Number(cpus) * 1e9));
  const text = `${nano / 1_000_000_000n}.${String(nano % 1_000_000_000n).padStart(9, "0")}`;
  if (text.split("0").length - 1 !== 9) return text.replace(/0+$/, "");
  const tenths = (nano + 50_000_000n) / 100_000_000n;
  return `${tenths / 10n}.${tenths % 10n}`;
}

describe("cpuShare", () => {
  it.each([
    [1, "1.0"],
    [0.5, "0.5"],
    [0.25, "0.25"],
    [1.05, "1.05"],
    [10, "10."],
    [20.05, "20.1"],
    [40.05, "40.1"],
    [64.5, "64.5"],
    [100, "100."],
    [256, "256.0"],
  ])("writes %d cores as %s", (cores, text) => {
    expect(cpuShare(cores)).toBe(text);
  });

  /** Every amount of cores that a stack may ask for, to a thousandth. */
  const cores = fc.integer({ min: 100, max: 256_000 }).map((thousandths) => thousandths / 1000);

  it("is what the plugin writes back, so that no refresh sees a difference", () => {
    fc.assert(
      fc.property(cores, (amount) => {
        expect(writtenBack(cpuShare(amount))).toBe(cpuShare(amount));
      }),
      { numRuns: 5000 },
    );
  });

  it("means the same cores: exactly below 10, to a twentieth above", () => {
    fc.assert(
      fc.property(cores, (amount) => {
        const read = Number(cpuShare(amount));
        if (amount < 10) expect(read).toBe(amount);
        else expect(Math.abs(read - amount)).toBeLessThanOrEqual(0.05 + 1e-9);
      }),
      { numRuns: 5000 },
    );
  });
});

const SHAPE: ContainerShape = {
  service: "api",
  image: "sha256:1",
  uid: 10_001,
  limits: { memoryMiB: 384, cpus: 1.5 },
  networks: [{ name: "inner" }],
};

describe("hardened", () => {
  it("takes everything away that a process does not need", () => {
    expect(hardened(SHAPE)).toEqual({
      image: "sha256:1",
      envs: [],
      user: "10001:10001",
      groupAdds: [],
      readOnly: true,
      capabilities: { drops: ["ALL"] },
      securityOpts: ["no-new-privileges"],
      init: true,
      memory: 384,
      memorySwap: 384,
      cpus: "1.5",
      tmpfs: { "/tmp": "rw,nosuid,nodev,noexec,size=64m,mode=1777" },
      mounts: [],
      networksAdvanced: [{ name: "inner" }],
      logDriver: "json-file",
      logOpts: { "max-size": "50m", "max-file": "2" },
      labels: [
        { label: "slipway.project", value: "project" },
        { label: "slipway.service", value: "api" },
        { label: "slipway.stack", value: "stack" },
      ],
    });
  });

  it("adds what is asked for: command, settings, volumes, groups, aliases, a health check", () => {
    const args = hardened({
      ...SHAPE,
      command: ["node", "api.mjs"],
      environment: { PORT: "8000" },
      groups: ["10010"],
      volumes: [
        { volume: "objects", folder: "/objects", access: "read" },
        { volume: "data", folder: "/data", access: "write" },
      ],
      networks: [{ name: "inner", aliases: ["api"] }],
      health: { command: ["healthy"], intervalSeconds: 5, timeoutSeconds: 4, retries: 3, startSeconds: 60 },
    });
    expect(args).toMatchObject({
      command: ["node", "api.mjs"],
      envs: ["PORT=8000"],
      groupAdds: ["10010"],
      mounts: [
        { type: "volume", source: "objects", target: "/objects", readOnly: true },
        { type: "volume", source: "data", target: "/data", readOnly: false },
      ],
      networksAdvanced: [{ name: "inner", aliases: ["api"] }],
      healthcheck: { tests: ["CMD", "healthy"], interval: "5s", timeout: "4s", startPeriod: "1m0s", retries: 3 },
    });
  });
});
