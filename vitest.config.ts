import { defineConfig } from "vitest/config";

/**
 * unit: beside the code, no engine (they start the database servers of this machine at most).
 * fuzz: test/fuzz, requests made from our own OpenAPI against the bundled API.
 * e2e: test/e2e, real engine and real containers, one file after another: they share two cores.
 * bench: every benchmark once, so small that it only shows that it still runs.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{app,bench,configs,infra,jobs,ops,stacks,toolchain,worker}/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "fuzz",
          include: ["test/fuzz/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "bench",
          include: ["test/bench/**/*.test.ts"],
          testTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
