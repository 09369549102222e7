import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GPU_SHAPE_NAMES, gpuShape, isGpuShape } from "./gpu-shapes.ts";

const shapes = GPU_SHAPE_NAMES.map((name) => [name, gpuShape(name)] as const);

describe("GPU_SHAPES", () => {
  it("has the GPUs that the product is offered with", () => {
    expect(new Set(shapes.map(([, { model }]) => model))).toEqual(
      new Set(["T4", "A10G", "L4", "L40S", "A100", "H100"]),
    );
    expect(shapes.map(([, { instanceType }]) => instanceType)).toEqual([
      "g4dn.xlarge",
      "g5.xlarge",
      "g6.xlarge",
      "g6e.xlarge",
      "p4d.24xlarge",
      "p5.4xlarge",
      "p5.48xlarge",
    ]);
  });

  it.each(shapes)("names %s as labels and node groups can be named, after its GPU and their number", (name, shape) => {
    expect(name).toBe(`${shape.model.toLowerCase()}${shape.gpus === 1 ? "" : `x${shape.gpus}`}`);
    expect(shape.accelerator).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
  });

  it.each(shapes)("has MIG on %s exactly where it is an A100 or H100", (_name, { model, migProfiles }) => {
    expect(Object.keys(migProfiles).length > 0).toBe(model === "A100" || model === "H100");
  });

  it.each(shapes)(
    "has no MIG profile of %s that takes more than the GPU has",
    (_name, { gpuMemoryGiB, migProfiles }) => {
      for (const [profile, instances] of Object.entries(migProfiles)) {
        const [, slices = "", memory = ""] = /^(\d)g\.(\d+)gb(?:\+me)?$/.exec(profile) ?? [];
        // Seven slices of work, and of memory eight.
        expect(Number(slices) * instances).toBeLessThanOrEqual(7);
        expect(Number(memory) * instances).toBeLessThanOrEqual(gpuMemoryGiB);
        expect(Number(slices)).toBeGreaterThan(0);
      }
    },
  );
});

describe("isGpuShape", () => {
  it("knows the names of the table and no other", () => {
    expect(GPU_SHAPE_NAMES.every(isGpuShape)).toBe(true);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom("toString", "__proto__", "T4", "v100")), (name) => {
        fc.pre(!GPU_SHAPE_NAMES.some((known) => known === name));
        expect(isGpuShape(name)).toBe(false);
      }),
    );
  });

  it("is checked where a program names a shape", () => {
    // @ts-expect-error v100 is no shape; without this line tsc stops
    expect(() => gpuShape("v100").gpus).toThrow(TypeError);
  });
});
