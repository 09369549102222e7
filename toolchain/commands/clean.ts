import { rmSync } from "node:fs";
import { join } from "node:path";
import { findFolders } from "../folders.ts";
import { runMain } from "../main.ts";

const USAGE = {
  command: "make clean",
  summary:
    "removes what was made in this checkout: dist, coverage, caches. A running stack and its state are not touched.",
  options: ["ALL=1  --all  also removes the user's cache: built Pulumi, plugins, the base image's archive"],
  examples: ["make clean", "make clean ALL=1"],
};

await runMain(USAGE, { all: { type: "boolean", default: false } }, async ({ values }) => {
  const { root, cache } = findFolders();
  const ofCheckout = ["dist", "coverage", "node_modules/.cache", "node_modules/.vite"].map((folder) =>
    join(root, folder),
  );
  for (const folder of [...ofCheckout, ...(values.all ? [cache] : [])]) {
    rmSync(folder, { recursive: true, force: true });
  }
});
