import { UserError } from "../command.ts";
import { findFolders } from "../folders.ts";
import { runMain } from "../main.ts";
import { JOB_QUEUES, writeNewJob } from "../new-job.ts";

const USAGE = {
  command: "make new-job",
  summary:
    "writes a new kind of job and its test into jobs/kinds. Nothing else has to know of it; docs/kinds.md tells more.",
  options: [
    "NAME=name    --name name     such as resize-image; required",
    `QUEUE=queue  --queue queue   ${JOB_QUEUES.join(", ")}; default default`,
  ],
  examples: ["make new-job NAME=resize-image", "make new-job NAME=transcribe QUEUE=gpu"],
};

const OPTIONS = { name: { type: "string" }, queue: { type: "string", default: "default" } } as const;

await runMain(USAGE, OPTIONS, async ({ values }) => {
  if (values.name === undefined || values.name === "") {
    throw new UserError("The kind has no name yet: make new-job NAME=resize-image");
  }
  const [kind, test] = writeNewJob(findFolders().root, values.name, values.queue);
  process.stdout.write(`${kind}\n${test}\n\nTry it: make test ARGS='--project unit ${test}'\n`);
});
