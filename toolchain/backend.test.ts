import { homedir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { sharedBackend, stateFolder, whereStacksAre } from "./backend.ts";
import { BACKEND } from "./env.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("a backend is shared where one is named", () => {
  expect(sharedBackend({ SLIPWAY_BACKEND_URL: "s3://states" })).toBe("s3://states");
  expect([sharedBackend({ SLIPWAY_BACKEND_URL: "" }), sharedBackend({})]).toEqual([undefined, undefined]);
});

test("where stacks are is said without the password that an address may have", () => {
  expect(whereStacksAre("postgres://me:hidden@db/states")).toBe("in the backend that SLIPWAY_BACKEND_URL names");
  vi.stubEnv(BACKEND, "");
  expect(whereStacksAre()).toBe("on this machine");
});

test.each([
  [undefined, "/srv/state it"],
  ["file:///srv/states", "/srv/states"],
  ["file:///srv/my%20states?no_tmp_dir=true", "/srv/my states"],
  ["file://~/states", join(homedir(), "states")],
  ["file://./states", "/checkout/states"],
  ["s3://states?region=eu-central-1", undefined],
  ["https://api.pulumi.com", undefined],
])("the folder of %s is %s", (backend, folder) => {
  vi.stubEnv(BACKEND, "");
  expect(stateFolder({ root: "/checkout", state: "/srv/state it" }, backend)).toBe(folder);
});
