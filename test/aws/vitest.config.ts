import { defineConfig } from "vitest/config";
import { ROOT } from "../../toolchain/folders.ts";

const MINUTE = 60_000;

/** `make test-aws`: a configuration of its own, since it is not in the default run. One file after another: there is one node. */
export default defineConfig({
  root: ROOT,
  test: {
    name: "aws",
    include: ["test/aws/**/*.test.ts"],
    testTimeout: 20 * MINUTE,
    hookTimeout: 20 * MINUTE,
    fileParallelism: false,
    // A line for each test when it ends: the whole takes a quarter of an hour.
    reporters: ["verbose"],
  },
});
