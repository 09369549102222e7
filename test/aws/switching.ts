import { readAwsDatabases } from "../../ops/aws-databases.ts";
import type { AwsSwitching } from "../../ops/aws-restore.ts";
import { databasesIn } from "../../ops/switching.ts";
import type { Folders } from "../../toolchain/folders.ts";
import type { Deployment } from "../../toolchain/stack.ts";
import type { TestProgram } from "../cluster/program.ts";

/** What `slipway restore` works by, on the stack of a test: its file, its engine, its state. */
export function switchingOf(stack: TestProgram): AwsSwitching {
  return {
    databases: () => readAwsDatabases("test", { root: stack.folder } as Folders),
    change: async (change) => {
      const pairs = Object.entries(change).flatMap(([path, value]) => ["--plaintext", `slipway:${path}=${value}`]);
      await stack.good("config", "set-all", "--path", ...pairs);
    },
    unset: async (path) => {
      await stack.good("config", "rm", "--path", `slipway:${path}`);
    },
    deploy: async () => {
      await stack.good("up", "--yes", "--skip-preview");
      return [];
    },
    made: async () => databasesIn(JSON.parse(await stack.good("stack", "export")) as Deployment),
    deployed: async () => (await stack.good("stack", "output", "dataGeneration")).trim(),
  };
}
