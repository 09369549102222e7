import { askOnTerminal } from "../ask.ts";
import { CommandError } from "../command.ts";
import { planEngine, startEngine } from "../docker.ts";
import { connect, findEngine } from "../engine.ts";
import { findFolders, type Folders } from "../folders.ts";
import { keepingData, removeAll } from "../leftovers.ts";
import { checkStackName, runMain } from "../main.ts";
import { preparePulumi } from "../prepare.ts";
import { dropSalt } from "../stack-file.ts";
import { Stack, stackExists, stackNames } from "../stack.ts";
import { Steps } from "../steps.ts";

const USAGE = {
  command: "make down",
  summary:
    "destroys the stack, and leaves no container, network, volume or image of ours. What was built for this machine stays.",
  options: [
    "STACK=name   --stack name  stack to destroy; default dev",
    "KEEP_DATA=1  --keep-data   leaves the volumes that hold data",
    "FORCE=1      --force       goes on by labels alone where Pulumi cannot destroy",
  ],
  examples: ["make down", "make down KEEP_DATA=1", "make down STACK=mine"],
};

const OPTIONS = {
  stack: { type: "string", default: "dev" },
  "keep-data": { type: "boolean", default: false },
  force: { type: "boolean", default: false },
} as const;

await runMain(USAGE, OPTIONS, async ({ values }) => {
  const steps = new Steps();
  const name = checkStackName(values.stack);
  const folders = findFolders();
  const keepData = values["keep-data"];
  const isThere = stackExists(name, folders);
  const search = await findEngine();
  if (!isThere && !("found" in search)) {
    await dropSalt(name, folders);
    process.stdout.write("There is no stack and no Docker engine; nothing to take down.\n");
    return;
  }
  const plan = await planEngine(askOnTerminal());
  const engine = await steps.run("Docker engine", (report) => startEngine(plan, folders, report));
  if (isThere) await destroy(name, folders, steps, { keepData, force: values.force });
  // Between its images and its first container another stack would lose what it is about to use.
  const others = stackNames(folders).filter((other) => other !== name);
  const removed = await steps.run(
    "Leftovers",
    () => removeAll(connect(engine.host), name, { data: keepData, images: others.length > 0 }),
    (counts) =>
      Object.entries(counts)
        .flatMap(([sort, count]) => (count > 0 ? [`${count} ${sort}`] : []))
        .join(", "),
  );
  await dropSalt(name, folders);
  if (removed.images === 0 && others.length > 0) steps.say(`  The images stay for ${others.join(", ")}.`);
});

async function destroy(
  name: string,
  folders: Folders,
  steps: Steps,
  { keepData, force }: { keepData: boolean; force: boolean },
): Promise<void> {
  const stack = new Stack(name, folders, await preparePulumi(steps, folders));
  try {
    await steps.run("Destroy", async (report) => {
      await stack.unlock(report);
      const deployment = await stack.export();
      if ((deployment.deployment.pending_operations ?? []).length > 0) await stack.settle(report);
      if (keepData) await stack.import(keepingData(await stack.export()));
      await stack.destroy(report);
    });
  } catch (error) {
    if (!force || !(error instanceof CommandError)) throw error;
    steps.say(error.message);
  }
  await steps.run("Stack", () => stack.remove());
}
