import { describe, expect, it } from "vitest";
import { GPU_SHAPE_NAMES, gpuShape } from "./gpu-shapes.ts";
import { notOffered, readInstanceType, vcpusOf, zonesOf, type Region } from "./instance-types.ts";

describe("readInstanceType", () => {
  it.each([
    ["m7i.large", "m.large", "amd64"],
    ["m6a.large", "m.large", "amd64"],
    ["m7i-flex.large", "m.large", "amd64"],
    ["c7i.large", "c.large", "amd64"],
    ["m7i.xlarge", "m.xlarge", "amd64"],
    ["m7g.large", "m.large", "arm64"],
    ["c7gn.large", "c.large", "arm64"],
    ["x2gd.large", "x.large", "arm64"],
    ["a1.large", "a.large", "arm64"],
    ["nonsense", "nonsense.", "amd64"],
  ])("reads %s", (type, likeness, architecture) => {
    expect(readInstanceType(type)).toEqual({ likeness, architecture });
  });

  it("takes no GPU machine of ours for an arm64 one", () => {
    for (const name of GPU_SHAPE_NAMES) {
      const { instanceType, architecture } = gpuShape(name);
      expect(readInstanceType(instanceType).architecture).toBe(architecture);
    }
  });
});

describe("vcpusOf", () => {
  it.each([
    ["m7i.large", 2],
    ["m7i.xlarge", 4],
    ["c7i.12xlarge", 48],
    ["m7i.medium", undefined],
    ["m7i.metal-24xl", undefined],
  ])("%s: %s", (type, cpus) => {
    expect(vcpusOf(type)).toBe(cpus);
  });

  it("says of GPU machines what their table says", () => {
    for (const name of GPU_SHAPE_NAMES) {
      const { instanceType, vcpus } = gpuShape(name);
      expect(vcpusOf(instanceType)).toBe(vcpus);
    }
  });
});

describe("zonesOf and notOffered", () => {
  const region: Region = {
    zones: ["z2", "z1"],
    offerings: new Map([
      ["m7i.large", ["z1", "z3"]],
      ["m7a.large", ["z2", "z1"]],
      ["p5.4xlarge", ["z3"]],
    ]),
  };

  it("have the zones of the network that offer one of the types", () => {
    expect(zonesOf(["m7i.large"], region)).toEqual(["z1"]);
    expect(zonesOf(["m7i.large", "m7a.large"], region)).toEqual(["z2", "z1"]);
    expect(zonesOf(["p5.4xlarge", "p6.large"], region)).toEqual([]);
  });

  it("say where else", () => {
    expect(notOffered("p5.4xlarge", region)).toBe(
      "no zone of the network (z2, z1) offers p5.4xlarge; z3 of the region do",
    );
    expect(notOffered("p6.large", region)).toBe(
      "no zone of the network (z2, z1) offers p6.large; nor does any other of the region",
    );
  });
});
