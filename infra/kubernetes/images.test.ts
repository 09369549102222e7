import { describe, expect, it } from "vitest";
import { manifestOfAll } from "../../test/pulumi/docker-stack.ts";
import { clusterImages, importedImages } from "./images.ts";

const manifest = manifestOfAll();

describe("clusterImages", () => {
  it("are those of the file, and nobody bundles for that", () => {
    const images = { api: "r.example/a@sha256:1", worker: "r.example/w@sha256:2" };
    const refuse = () => {
      throw new Error("bundled");
    };
    expect(clusterImages({ images, importedImages: false }, refuse)).toEqual(images);
    const all = { ...images, postgres: "p:1", redis: "r:1", backup: "b:1" };
    expect(clusterImages({ images: all, importedImages: true }, refuse)).toEqual(all);
  });

  it("are named by content where they were brought by hand, but for those that the file names", () => {
    const brought = importedImages(manifest);
    expect(brought.worker).toBe(`slipway/worker:${manifest.images.worker.hash}`);
    expect(clusterImages({ images: {}, importedImages: true }, () => manifest)).toEqual(brought);
    expect(clusterImages({ images: { api: "mine:1" }, importedImages: true }, () => manifest)).toEqual({
      ...brought,
      api: "mine:1",
    });
  });

  it("are whole", () => {
    expect(() => clusterImages({ images: { api: "a:1" }, importedImages: false }, () => manifest)).toThrow(
      "names no api or no worker",
    );
  });
});
