import { describe, expect, it } from "vitest";
import { UserError } from "../../toolchain/command.ts";
import { gpuLooks, lookAtGpu, type GpuWorld } from "./gpu.ts";

const world: GpuWorld = {
  isWanted: true,
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
      "is not asked where the stack is to be without",
      { isWanted: false, runtimes: () => Promise.reject(new Error("asked")) },
      { state: "good", detail: "not asked: slipway:gpu.mode is off" },
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

  it("has nothing to say before a deploy without GPU workers, and keeps one back that would find none", async () => {
    expect(await gpuLooks({ ...world, runtimes: async () => ["runc"] })).toEqual([]);
    expect(await gpuLooks({ ...world, isWanted: false })).toEqual([]);
    const missing = await gpuLooks({ ...world, monitor: () => Promise.reject(new UserError("no driver")) });
    expect(missing).toMatchObject([
      { state: "bad", detail: "no driver", mend: expect.stringContaining("gpu.mode: off") as string },
    ]);
  });
});
