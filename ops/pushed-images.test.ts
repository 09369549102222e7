import { expect, test } from "vitest";
import { pushedImages } from "./pushed-images.ts";

test("images are named by what was pushed, never by a tag", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const image = (name: string) => ({
    type: "docker:index/registryImage:RegistryImage",
    outputs: { name, sha256Digest: digest },
  });
  expect(
    pushedImages([
      image("host:5000/slipway/worker:1"),
      { type: "docker:index/volume:Volume" },
      image("host:5000/slipway/api"),
    ]),
  ).toEqual([`host:5000/slipway/api@${digest}`, `host:5000/slipway/worker@${digest}`]);
  expect(() => pushedImages([{ type: "docker:index/registryImage:RegistryImage" }])).toThrow();
});
