import { UserError } from "../command.ts";
import { findFolders } from "../folders.ts";
import { checkStackName, runMain } from "../main.ts";
import { openStack, platformOf } from "../platforms/platforms.ts";
import { Steps } from "../steps.ts";

const USAGE = {
  command: "make forward",
  summary:
    "lets the API of a stack in a cluster answer on this machine, until ^C. Only its address goes to standard output.",
  options: [
    "STACK=name   --stack name   stack whose API it is; default dev",
    "PORT=number  --port number  default 8080",
  ],
  examples: ["make forward STACK=cluster", "make forward STACK=cluster PORT=9000"],
};

const OPTIONS = {
  stack: { type: "string", default: "dev" },
  port: { type: "string", default: "8080" },
} as const;

await runMain(USAGE, OPTIONS, async ({ values }) => {
  const folders = findFolders();
  const name = checkStackName(values.stack);
  const localPort = Number(values.port);
  if (!Number.isInteger(localPort) || localPort < 1 || localPort > 65_535)
    throw new UserError(`PORT is ${JSON.stringify(values.port)}; allowed is a whole number from 1 to 65535.`);
  const stack = await openStack(name, folders, new Steps());
  const outputs = await stack.outputs();
  const { reach } = await platformOf(name, folders);
  const reached = await reach(stack, folders, outputs, localPort);
  process.stdout.write(`${reached.url}\n`);
  // The way in keeps this process, until a signal ends both.
});
