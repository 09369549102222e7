import { join } from "node:path";
import { buildPrograms, findCluster, startCluster, stopCluster } from "../cluster/cluster.ts";
import { layoutOf } from "../cluster/layout.ts";
import { findFolders } from "../folders.ts";
import { runMain } from "../main.ts";
import { Steps } from "../steps.ts";

const USAGE = {
  command: "make cluster",
  summary:
    "a real Kubernetes cluster of one node on this machine, for tests: built from Go modules and Debian's packages, needs root, and no image registry.",
  options: ["ARGS=--down    ends the cluster and everything in it"],
  examples: [
    "make cluster",
    "KUBECONFIG=~/.local/state/slipway/cluster/kubeconfig kubectl get nodes",
    "make cluster ARGS=--down",
  ],
};

await runMain(USAGE, { down: { type: "boolean", default: false } }, async ({ values }) => {
  const steps = new Steps();
  const folders = findFolders();
  const programs = await steps.run("Programs", (report) => buildPrograms(folders, report));
  if (values.down) {
    await steps.run(
      "Cluster",
      (report) => stopCluster(folders, programs, report),
      (was) => (was ? "ended" : "there was none"),
    );
    return;
  }
  const isThere = findCluster(folders, programs) !== undefined;
  await steps.run(
    "Cluster",
    (report) => startCluster(folders, programs, report),
    () => (isThere ? "was there" : "started"),
  );
  process.stdout.write(
    `\n  kubectl     ${join(programs.kubernetes, "kubectl")}\n  kubeconfig  ${layoutOf(folders).kubeconfig}\n`,
  );
});
