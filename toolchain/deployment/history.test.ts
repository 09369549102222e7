import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BACKEND } from "../env.ts";
import { Stack } from "../stack.ts";
import { historyOf } from "./history.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-history-"));
  vi.stubEnv(BACKEND, "");
  mkdirSync(join(folder, ".pulumi/stacks/slipway"), { recursive: true });
  writeFileSync(join(folder, ".pulumi/stacks/slipway/up.json"), "{}");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const stack = (name: string) => new Stack(name, { root: folder, state: folder, cache: "", config: "" }, {});

test("a stack that is not there is not asked", async () => {
  const withinApi = vi.fn(() => Promise.resolve({ code: 0, output: "[]" }));
  expect(await historyOf(stack("down"), { withinApi })).toEqual({ records: [], why: "there is no such stack" });
  expect(withinApi).not.toHaveBeenCalled();
  expect(await historyOf(stack("up"), { withinApi })).toEqual({ records: [] });
  expect(withinApi).toHaveBeenCalledWith(expect.anything(), expect.arrayContaining(["history"]));
});

test("a platform that does not answer is said, and no fault", async () => {
  const withinApi = () => Promise.reject(new Error("connect ECONNREFUSED"));
  expect(await historyOf(stack("up"), { withinApi })).toEqual({ records: [], why: "connect ECONNREFUSED" });
});
