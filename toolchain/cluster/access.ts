import { join } from "node:path";
import { runCommand } from "../command.ts";
import type { Programs } from "./components.ts";
import type { Layout } from "./layout.ts";

/** A cluster that answers. */
export interface Cluster {
  readonly layout: Layout;
  /** Runs kubectl as the administrator. */
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  /** Makes objects as they are given, or changes them to it. */
  readonly apply: (objects: readonly object[]) => Promise<void>;
  /** Posts one object to a path of the API, such as that of a pod's eviction; gives the answer. */
  readonly create: (path: string, object: object) => Promise<string>;
}

/** The way to a cluster that runs. */
export function clusterOf(layout: Layout, { kubernetes }: Programs): Cluster {
  const program = join(kubernetes, "kubectl");
  const run = (args: readonly string[], input?: string) =>
    runCommand(program, ["--kubeconfig", layout.kubeconfig, ...args], input === undefined ? {} : { input });
  return {
    layout,
    kubectl: (...args) => run(args),
    create: (path, object) => run(["create", "--raw", path, "--filename=-"], JSON.stringify(object)),
    apply: async (objects) => {
      const list = { apiVersion: "v1", kind: "List", items: objects };
      await run(["apply", "--server-side", "--field-manager=slipway-cluster", "--filename=-"], JSON.stringify(list));
    },
  };
}
