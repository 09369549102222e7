import { EXIT } from "../../backup/protocol.ts";
import { whereStacksAre } from "../../toolchain/backend.ts";
import { UserError } from "../../toolchain/command.ts";
import { findFolders } from "../../toolchain/folders.ts";
import { leftBehindText, type LeftBehind } from "../../toolchain/left-behind.ts";
import { openStack, platformOf } from "../../toolchain/platforms/platforms.ts";
import { preparePulumi } from "../../toolchain/prepare.ts";
import { stackExists } from "../../toolchain/stack.ts";
import { destroyText, planDestroy, refuseUnnamed, type DestroyPlan } from "../destroying.ts";
import { onRecord } from "../on-record.ts";
import { runOps, type Asked, type Said } from "../run-ops.ts";

const OPTIONS = {
  yes: { type: "boolean", default: false },
  data: { type: "string", default: "" },
  "keep-data": { type: "boolean", default: false },
} as const;

export function run(): Promise<void> {
  return runOps({
    name: "destroy",
    platforms: ["docker", "kubernetes", "aws"],
    summary:
      "destroys a stack, and says what is left of it and how to remove that. Without --yes it says what would go, data first. Data goes only where all of it is named. " +
      "It runs alone, as a deploy does, and is on record.",
    options: OPTIONS,
    optionLines: [
      "--yes          does it",
      "--data A,B     the data that may go, all of it, by the names that it says without --yes",
      "--keep-data    leaves the volumes that hold data; on a Docker engine alone",
    ],
    examples: [
      "./slipway destroy",
      "./slipway destroy --yes --keep-data",
      "./slipway destroy --yes --stack mine --data postgres,redis",
      "./slipway destroy --json | jq -r '.result.data[].name'",
    ],
    run: destroy,
  });
}

async function destroy(asked: Asked<typeof OPTIONS>): Promise<Said> {
  const { stack: name, steps, values, platform } = asked;
  const folders = findFolders();
  if (!(await stackExists(name, folders, () => preparePulumi(steps, folders))))
    throw new UserError(
      `There is no stack ${name} ${whereStacksAre()}. What may be left of it all the same: make down STACK=${name}`,
      EXIT.usage,
    );
  const keepData = values["keep-data"];
  if (keepData && platform !== "docker")
    throw new UserError(`--keep-data is for stacks on a Docker engine; ${name} is on ${platform}.`, EXIT.usage);
  const state = await (await openStack(name, folders, steps)).export();
  const plan = planDestroy(state, keepData);
  if (!values.yes) return { code: EXIT.good, result: plan, text: destroyText(name, plan, bold) };
  refuseUnnamed(name, plan, values.data.split(",").filter(Boolean));
  const left = await takeDown(asked, keepData);
  return { code: EXIT.good, result: { ...plan, left }, text: leftBehindText(name, left) };
}

/** Alone and on record, as a deploy is: the log outlives its stack. */
async function takeDown({ stack, steps }: Asked<typeof OPTIONS>, keepData: boolean): Promise<LeftBehind> {
  const folders = findFolders();
  const { takeDown: down } = await platformOf(stack, folders);
  return onRecord({ stack, steps }, () => down({ name: stack, folders, steps, keepData, force: false }));
}

function bold(text: string): string {
  return process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text;
}

export type Destroyed = DestroyPlan & { readonly left: LeftBehind };
