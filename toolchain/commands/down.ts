import { attempt } from "../deployment/attempt.ts";
import { historyByName } from "../deployment/history.ts";
import { productVersion } from "../deployment/product-version.ts";
import { findFolders } from "../folders.ts";
import { leftBehindText } from "../left-behind.ts";
import { checkStackName, runMain } from "../main.ts";
import { platformOf } from "../platforms/platforms.ts";
import { preparePulumi } from "../prepare.ts";
import { stackExists } from "../stack.ts";
import { Steps } from "../steps.ts";

const USAGE = {
  command: "make down",
  summary:
    "destroys the stack, and leaves no container, network, volume or image of ours, or no namespace; says what is left all the same. Refused while the stack is deployed. What was built for this machine stays.",
  options: [
    "STACK=name   --stack name  stack to destroy; default dev",
    "KEEP_DATA=1  --keep-data   leaves the volumes that hold data; Docker alone",
    "FORCE=1      --force       goes on by labels alone where Pulumi cannot destroy; Docker alone",
  ],
  examples: ["make down", "make down KEEP_DATA=1", "make down STACK=mine"],
};

const OPTIONS = {
  stack: { type: "string", default: "dev" },
  "keep-data": { type: "boolean", default: false },
  force: { type: "boolean", default: false },
} as const;

await runMain(USAGE, OPTIONS, async ({ values }) => {
  const name = checkStackName(values.stack);
  const folders = findFolders();
  const { takeDown } = await platformOf(name, folders);
  const keep = { keepData: values["keep-data"], force: values.force };
  const steps = new Steps();
  const down = () => takeDown({ name, folders, steps, ...keep });
  const { version } = await productVersion(folders.root);
  const command = `make down STACK=${name}`;
  // Alone, as a deploy is: what one makes the other would leave behind.
  const history = () => historyByName(name, folders, steps);
  const left = (await stackExists(name, folders, () => preparePulumi(steps, folders)))
    ? await attempt({ stack: name, folders, steps, command, version, whenHeld: "refuse", history }, down)
    : await down();
  process.stdout.write(leftBehindText(name, left));
});
