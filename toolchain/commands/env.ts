import { shellExports } from "../env.ts";
import { findFolders } from "../folders.ts";
import { runMain } from "../main.ts";
import { preparePulumi } from "../prepare.ts";
import { Steps } from "../steps.ts";

const USAGE = {
  command: "make env",
  summary: "prints what a shell needs for plain Pulumi commands. Only that goes to standard output.",
  options: [],
  examples: ['eval "$(make -s env)" && pulumi preview --stack dev'],
};

await runMain(USAGE, {}, async () => {
  process.stdout.write(shellExports(await preparePulumi(new Steps(), findFolders())));
});
