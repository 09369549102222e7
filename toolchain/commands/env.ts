import { shellExports } from "../env.ts";
import { findFolders } from "../folders.ts";
import { checkStackName, runMain } from "../main.ts";
import { stackEnvironment } from "../platforms/platforms.ts";
import { Steps } from "../steps.ts";

const USAGE = {
  command: "make env",
  summary: "prints what a shell needs for plain Pulumi commands. Only that goes to standard output.",
  options: ["STACK=name  --stack name  stack that they are for; default dev"],
  examples: [
    'eval "$(make -s env)" && pulumi preview --stack dev',
    'eval "$(make -s env STACK=cluster)" && kubectl get pods --namespace slipway-cluster',
  ],
};

await runMain(USAGE, { stack: { type: "string", default: "dev" } }, async ({ values }) => {
  const folders = findFolders();
  const name = checkStackName(values.stack);
  process.stdout.write(shellExports(await stackEnvironment(name, folders, new Steps())));
});
