import { describe, expect, it } from "vitest";
import { UserError } from "../../toolchain/command.ts";
import { lookAtGpu, type GpuWorld } from "./gpu.ts";

const world: GpuWorld = {
  runtimes: async () => ["runc", "nvidia"],
  monitor: async () => ({
    version: "1.7.2",
    gpus: [{ name: "NVIDIA H200", uuid: "GPU-1", memoryTotalBytes: 2 ** 37 }],
  }),
};

describe("the GPU monitor, simulated", () => {
  it.each<[string, Partial<GpuWorld>, object]>([
    ["sees a GPU", {}, { state: "good", detail: "nvitop 1.7.2 sees NVIDIA H200" }],
    [
      "is not asked where the engine has no NVIDIA runtime",
      { runtimes: async () => ["runc"], monitor: () => Promise.reject(new Error("asked")) },
      { state: "good", detail: "none: the engine has no NVIDIA runtime" },
    ],
    [
      "is not asked where no engine answers",
      { runtimes: async () => undefined, monitor: () => Promise.reject(new Error("asked")) },
      { state: "good" },
    ],
    [
      "is not installed",
      { monitor: async () => undefined },
      { state: "warning", mend: expect.stringContaining("make gpu-monitor") as string },
    ],
    [
      "says what is missing",
      { monitor: () => Promise.reject(new UserError("NVIDIA's driver is missing")) },
      { state: "bad", detail: "NVIDIA's driver is missing" },
    ],
  ])("%s", async (_what, more, look) => {
    expect(await lookAtGpu({ ...world, ...more })).toMatchObject(look);
  });
});
