import { expect, it } from "vitest";
import { mirrorOf } from "./debootstrap.ts";

it("takes the mirror that debootstrap wrote down", () => {
  expect(mirrorOf("deb http://mirror.example/debian/ bookworm main\n")).toBe("http://mirror.example/debian");
});

it("says so when there is none, and how to name one", () => {
  expect(() => mirrorOf("# nothing\n")).toThrow(/sources\.list, but: # nothing\. Name one: SLIPWAY_DEBIAN_MIRROR=/);
});
